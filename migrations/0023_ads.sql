-- Consent to advertising, beside the consent to texts: without one on record nobody is told to an advertising platform.
-- Append only; the newest of a number holds. And what of the outbox was not told on purpose. Expand only.

CREATE TABLE ad_consent (
    shop_id BIGINT NOT NULL,
    consent_id BIGINT NOT NULL,
    -- The number's keyed hash.
    phone BYTEA NOT NULL,
    at BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('granted', 'withdrawn')),
    source TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (shop_id, consent_id)
);
CREATE UNIQUE INDEX ad_consent_once ON ad_consent (shop_id, phone, at, state);

-- What a platform was last told an order's text earned. It outlives the log: refunds come late.
CREATE TABLE ad_told (
    shop_id BIGINT NOT NULL,
    sink_id BIGINT NOT NULL,
    order_id BIGINT NOT NULL,
    -- Minor units of the order's currency.
    told_minor BIGINT NOT NULL,
    told_at BIGINT NOT NULL,
    PRIMARY KEY (shop_id, sink_id, order_id)
);

-- Kept back: no consent on record, or the platform takes nothing like it. The attempt says why.
ALTER TABLE forward ADD COLUMN withheld_at BIGINT;
