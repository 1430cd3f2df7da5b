-- Sending well: the pace of gateways, caps by the day, circuits that are open, and what texts cost by a price list.
-- Expand only: an older binary goes on working beside it.

-- When a lane of a gateway takes its next part: the whole account's, or one sender's.
CREATE TABLE gateway_pace (
    -- The gateway's tenant: a shop, or 0 for the house.
    shop_id BIGINT NOT NULL,
    gateway_id BIGINT NOT NULL,
    -- 'account', or 'sender:' and the sender.
    lane TEXT NOT NULL,
    next_at BIGINT,
    -- What the last text that waits was told: who comes later lines up behind it.
    queue_at BIGINT,
    PRIMARY KEY (shop_id, gateway_id, lane)
);

-- Parts that took their place in a day of a cap.
CREATE TABLE gateway_day (
    shop_id BIGINT NOT NULL,
    gateway_id BIGINT NOT NULL,
    -- Days since 1970, as the cap counts them.
    day BIGINT NOT NULL,
    parts BIGINT NOT NULL,
    PRIMARY KEY (shop_id, gateway_id, day)
);

-- A gateway that failed lately; none of a healthy one.
CREATE TABLE gateway_circuit (
    shop_id BIGINT NOT NULL,
    gateway_id BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    open_at BIGINT,
    probe_at BIGINT,
    closed_at BIGINT,
    hold_until BIGINT,
    PRIMARY KEY (shop_id, gateway_id)
);

-- Where a cost comes from: '' for the gateway's word, 'list' for the account's own price list.
ALTER TABLE message ADD COLUMN cost_source TEXT NOT NULL DEFAULT '';

-- Runs that fetch carts. The list of purposes was closed; SQLite changes no check in place.
CREATE TABLE audit_run_next (
    shop_id BIGINT NOT NULL,
    run_id BIGINT NOT NULL,
    purpose TEXT NOT NULL CHECK (purpose IN ('compare', 'heal', 'fill', 'carts')),
    source TEXT NOT NULL CHECK (source IN ('api', 'file')),
    by_name TEXT NOT NULL,
    begun_at BIGINT NOT NULL,
    from_at BIGINT NOT NULL,
    to_at BIGINT NOT NULL,
    place TEXT NOT NULL DEFAULT '',
    pages BIGINT NOT NULL DEFAULT 0,
    done BIGINT NOT NULL DEFAULT 0,
    total BIGINT NOT NULL DEFAULT 0,
    failures BIGINT NOT NULL DEFAULT 0,
    ended_at BIGINT,
    cancelled_at BIGINT,
    problem TEXT NOT NULL DEFAULT '',
    outcome TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (shop_id, run_id)
);
INSERT INTO audit_run_next
    (shop_id, run_id, purpose, source, by_name, begun_at, from_at, to_at, place, pages, done, total, failures, ended_at,
     cancelled_at, problem, outcome)
SELECT shop_id, run_id, purpose, source, by_name, begun_at, from_at, to_at, place, pages, done, total, failures, ended_at,
       cancelled_at, problem, outcome
FROM audit_run;
DROP TABLE audit_run;
ALTER TABLE audit_run_next RENAME TO audit_run;

-- What was left on an account when it last told; NULL where its provider tells none.
ALTER TABLE gateway ADD COLUMN balance_micros BIGINT;
ALTER TABLE gateway ADD COLUMN balance_currency TEXT;
ALTER TABLE gateway ADD COLUMN balance_at BIGINT;

-- Receipts of an account of the house that name a text by the gateway's id only.
CREATE INDEX message_of_house_ref ON message (gateway_id, gateway_ref) WHERE gateway_shop = 0 AND gateway_ref IS NOT NULL;
