-- The API: tokens with several scopes and an end, and answers that are given again to whoever sends the same key.

-- Scopes with a space between them. Empty for a token from before there were several: then `scope` is all it has.
-- Where this is given, `scope` only says the nearest of the two old words.
ALTER TABLE api_token ADD COLUMN scopes TEXT NOT NULL DEFAULT '';
ALTER TABLE api_token ADD COLUMN expires_at BIGINT;

-- Requests that named an Idempotency-Key, for a day. `name` and `fingerprint` are keyed hashes of the key and of the
-- request; the answer is sealed. Without `done_at` the request is still running, or its process died in the middle.
CREATE TABLE idempotency (
    shop_id BIGINT NOT NULL,
    name BYTEA NOT NULL,
    fingerprint BYTEA NOT NULL,
    started_at BIGINT NOT NULL,
    done_at BIGINT,
    answer BYTEA,
    PRIMARY KEY (shop_id, name)
);
CREATE INDEX idempotency_started ON idempotency (shop_id, started_at);

-- The consent ledger in the order it was written, for paging through it.
CREATE INDEX consent_recorded ON consent (shop_id, recorded_at);
