-- The net ledger: what an order was before it was edited, a day's lines, and what shops enter by hand: rates, spend of
-- other channels, cost of goods. Expand only: an older binary goes on working beside it.

-- What an order was worth the first time it was told as bought, and since when it was told as not bought yet. Both are
-- the earliest of all that was told, so that the order of arrival does not matter. Names nobody.
CREATE TABLE order_first (
    shop_id BIGINT NOT NULL,
    order_id BIGINT NOT NULL,
    bought_at BIGINT,
    bought_digest BYTEA,
    bought_minor BIGINT NOT NULL DEFAULT 0,
    bought_currency TEXT NOT NULL DEFAULT '',
    unpaid_at BIGINT,
    PRIMARY KEY (shop_id, order_id)
);

-- What its goods cost the shop, in the order's currency; NULL where the order does not carry it.
ALTER TABLE shop_order ADD COLUMN cost_minor BIGINT;

-- One day of one shop as lines of the ledger, made from the facts whenever one of them changed.
CREATE TABLE ledger_day (
    shop_id BIGINT NOT NULL,
    day BIGINT NOT NULL,
    line TEXT NOT NULL,
    -- "" for what has none.
    currency TEXT NOT NULL,
    row_count BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (shop_id, day, line, currency)
);

-- How a shop wants its ledger: JSON; without a row the defaults hold.
CREATE TABLE ledger_setting (
    shop_id BIGINT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL
);

-- One unit of `currency` is `value` of `to_currency` from this day on, until the next row's; in 10^-12.
CREATE TABLE rate (
    shop_id BIGINT NOT NULL,
    currency TEXT NOT NULL,
    to_currency TEXT NOT NULL,
    from_day BIGINT NOT NULL,
    value BIGINT NOT NULL,
    entered_at BIGINT NOT NULL,
    by_name TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (shop_id, currency, to_currency, from_day)
);

-- What another channel cost over some days, and what it says it brought.
CREATE TABLE channel_spend (
    shop_id BIGINT NOT NULL,
    channel TEXT NOT NULL,
    from_day BIGINT NOT NULL,
    to_day BIGINT NOT NULL,
    currency TEXT NOT NULL,
    amount_minor BIGINT NOT NULL,
    revenue_minor BIGINT,
    orders BIGINT,
    entered_at BIGINT NOT NULL,
    by_name TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (shop_id, channel, from_day, to_day, currency)
);

-- Every day so far gets its lines.
INSERT INTO job (shop_id, kind, subject_id, due_at, attempt)
SELECT DISTINCT shop_id, 'rollup', day, 0, 0 FROM rollup WHERE day IS NOT NULL
ON CONFLICT (shop_id, kind, subject_id) DO NOTHING;
