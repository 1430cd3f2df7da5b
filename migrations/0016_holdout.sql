-- Holdout: people deliberately not texted, and what came of both them and the others. Expand only.

-- One stretch of time with one share. It is named by the version of the rules that began it.
CREATE TABLE holdout_run (
    shop_id BIGINT NOT NULL,
    run_id BIGINT NOT NULL,
    percent BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    PRIMARY KEY (shop_id, run_id)
);

-- A cart that was found eligible, in the arm its person is in. `person` is the keyed hash of the number, empty once the
-- person was forgotten. The first of a person in a run is the one that counts.
CREATE TABLE holdout (
    shop_id BIGINT NOT NULL,
    cart_id BIGINT NOT NULL,
    run_id BIGINT NOT NULL,
    person BYTEA NOT NULL,
    arm TEXT NOT NULL CHECK (arm IN ('texted', 'held')),
    assigned_at BIGINT NOT NULL,
    first_at BIGINT,
    -- The longest horizon that is over and was counted, in days.
    counted_days BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (shop_id, cart_id)
);
CREATE INDEX holdout_person ON holdout (shop_id, person, run_id);
CREATE INDEX holdout_run_arm ON holdout (shop_id, run_id, arm, first_at);

-- What a counted person did within so many days. A person without a row here did nothing and cost nothing.
CREATE TABLE holdout_outcome (
    shop_id BIGINT NOT NULL,
    cart_id BIGINT NOT NULL,
    days BIGINT NOT NULL,
    currency TEXT NOT NULL,
    orders BIGINT NOT NULL,
    net_minor BIGINT NOT NULL,
    cost_micros BIGINT NOT NULL,
    PRIMARY KEY (shop_id, cart_id, days, currency)
);

-- A run in figures, made from the above whenever one of them changed. JSON.
CREATE TABLE holdout_result (
    shop_id BIGINT NOT NULL,
    run_id BIGINT NOT NULL,
    at BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (shop_id, run_id)
);
