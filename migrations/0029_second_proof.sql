-- Accounts: a second proof beside the password, and when a session last proved who sits before it. Expand only.

-- One row per person who has a second proof, or is setting one up. Operator tables, all of them.
CREATE TABLE second_proof (
    user_id BIGINT PRIMARY KEY,
    -- What the person's app makes its codes from, sealed with the house's keys.
    secret BYTEA NOT NULL,
    begun_at BIGINT NOT NULL,
    -- Without it the first code has not been typed yet, and nobody is asked for one.
    since BIGINT,
    -- The newest step of 30 seconds whose code was used: neither it nor any before it works again.
    used_step BIGINT NOT NULL
);

-- Codes for who has lost the app, each good once. Keyed hashes under the house's keys.
CREATE TABLE recovery_code (
    user_id BIGINT NOT NULL,
    code_hash BYTEA NOT NULL,
    made_at BIGINT NOT NULL,
    used_at BIGINT,
    PRIMARY KEY (user_id, code_hash)
);

-- Whoever gave the first proof and owes the second. It opens nothing.
CREATE TABLE half_sign_in (
    token_hash BYTEA PRIMARY KEY,
    user_id BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    -- Set when the first proof was a one-time link: the session may then choose a password.
    renews_at BIGINT
);
CREATE INDEX half_sign_in_of ON half_sign_in (user_id);

-- When this session last proved who it is. 0: before anybody noted it, so it is asked again.
ALTER TABLE session ADD COLUMN proved_at BIGINT NOT NULL DEFAULT 0;
-- When somebody else took the person's second proof away; empty again once they were told.
ALTER TABLE person ADD COLUMN second_reset_at BIGINT;
