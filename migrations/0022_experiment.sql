-- Experiments: ways of saying a step against each other, and the carts found eligible in them. Expand only.

CREATE TABLE experiment (
    shop_id BIGINT NOT NULL,
    experiment_id BIGINT NOT NULL,
    -- What it is about, so that a decision finds it by one look.
    sequence TEXT NOT NULL,
    step BIGINT NOT NULL,
    -- The plan, as JSON: the program alone reads it.
    body TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    by_name TEXT NOT NULL,
    ended_at BIGINT,
    why TEXT NOT NULL DEFAULT '',
    -- The arm whose way was taken over, if any.
    winner BIGINT,
    PRIMARY KEY (shop_id, experiment_id)
);
CREATE INDEX experiment_sequence ON experiment (shop_id, sequence, started_at);

-- Arms taken out before the end.
CREATE TABLE experiment_stop (
    shop_id BIGINT NOT NULL,
    experiment_id BIGINT NOT NULL,
    arm BIGINT NOT NULL,
    at BIGINT NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (shop_id, experiment_id, arm)
);

-- A cart that was found eligible at its abandonment, in the arm of its person. `person` is the keyed hash of the number,
-- empty once the person was forgotten. The first of a person is the one that counts.
CREATE TABLE experiment_entry (
    shop_id BIGINT NOT NULL,
    experiment_id BIGINT NOT NULL,
    cart_id BIGINT NOT NULL,
    person BYTEA NOT NULL,
    arm BIGINT NOT NULL,
    entered_at BIGINT NOT NULL,
    first_at BIGINT,
    PRIMARY KEY (shop_id, experiment_id, cart_id)
);
CREATE INDEX experiment_entry_person ON experiment_entry (shop_id, person, experiment_id);
CREATE INDEX experiment_entry_cart ON experiment_entry (shop_id, cart_id);
