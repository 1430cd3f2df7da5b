-- People: who may ask for us to act through the API, what people asked of their data, and how far forgetting has come.

-- An operator table: read before the shop is known. The token itself is shown once and never kept.
CREATE TABLE api_token (
    token_hash BYTEA PRIMARY KEY,
    shop_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    scope TEXT NOT NULL CHECK (scope IN ('people', 'read')),
    created_at BIGINT NOT NULL,
    used_at BIGINT,
    revoked_at BIGINT
);
CREATE UNIQUE INDEX api_token_name ON api_token (shop_id, name);

-- Requests of people about their own data. `who` is sealed, and emptied once nobody has to be found any more.
CREATE TABLE data_request (
    shop_id BIGINT NOT NULL,
    request_id BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('access', 'erasure')),
    source TEXT NOT NULL,
    at BIGINT NOT NULL,
    who BYTEA NOT NULL,
    done_at BIGINT,
    -- What was erased, in numbers.
    outcome TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (shop_id, request_id)
);

-- SHA-256 of words that were forgotten by age: whoever has them can still prove them.
CREATE TABLE message_digest (
    shop_id BIGINT NOT NULL,
    message_id BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    PRIMARY KEY (shop_id, message_id)
);

-- Up to which id a kind of data was forgotten already, so that each night costs what has come of age since the last.
CREATE TABLE retention_mark (
    shop_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    upto BIGINT NOT NULL,
    PRIMARY KEY (shop_id, kind)
);
