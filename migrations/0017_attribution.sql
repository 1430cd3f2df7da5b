-- Attribution: what an order was judged by beside the verdict itself, what people of the shop said of a credit, history
-- judged again, and months published. Expand only: an older binary goes on working beside it.

-- How many texts were considered. NULL: judged before this was kept, and judged again by the next sweep.
ALTER TABLE evidence ADD COLUMN touches BIGINT;
-- How an order of an abandoned cart came about: '', 'alone', 'after_text', 'through_link'.
ALTER TABLE evidence ADD COLUMN way TEXT NOT NULL DEFAULT '';
-- What a person said where that made the verdict: '', 'given', 'taken'.
ALTER TABLE evidence ADD COLUMN corrected TEXT NOT NULL DEFAULT '';
CREATE INDEX evidence_corrected ON evidence (shop_id, order_id) WHERE corrected <> '';
CREATE INDEX evidence_unjudged ON evidence (shop_id, order_id) WHERE touches IS NULL;

-- What a person said of an order's credit; the newest of an order holds. `reason` is sealed: it is free text.
CREATE TABLE credit_act (
    shop_id BIGINT NOT NULL,
    act_id BIGINT NOT NULL,
    order_id BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('text', 'none', 'rules')),
    -- 0 unless `kind` is text.
    message_id BIGINT NOT NULL,
    at BIGINT NOT NULL,
    by_name TEXT NOT NULL,
    reason BYTEA NOT NULL,
    PRIMARY KEY (shop_id, act_id)
);
CREATE INDEX credit_act_of ON credit_act (shop_id, order_id, act_id);

-- Orders judged again, oldest first, in bounded steps.
CREATE TABLE recredit_run (
    shop_id BIGINT NOT NULL,
    run_id BIGINT NOT NULL,
    why TEXT NOT NULL CHECK (why IN ('windows', 'upgrade')),
    -- JSON; the same twice for an upgrade.
    windows_before TEXT NOT NULL,
    windows_after TEXT NOT NULL,
    begun_at BIGINT NOT NULL,
    by_name TEXT NOT NULL,
    -- Orders there were to judge when it began, those made due so far, and the last of them.
    orders BIGINT NOT NULL,
    done BIGINT NOT NULL DEFAULT 0,
    upto_id BIGINT NOT NULL DEFAULT 0,
    ended_at BIGINT,
    PRIMARY KEY (shop_id, run_id)
);

-- Months as they were published, never changed. `hash` is SHA-256 over the hash before it and `body`.
CREATE TABLE statement (
    shop_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    -- YYYY-MM, the shop's own.
    month TEXT NOT NULL,
    published_at BIGINT NOT NULL,
    by_name TEXT NOT NULL,
    body TEXT NOT NULL,
    hash_before TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (shop_id, number)
);
CREATE UNIQUE INDEX statement_month ON statement (shop_id, month);
