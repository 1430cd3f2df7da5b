-- Consent: what stands behind an opt-out, and what people reply.

-- Sealed: the words that were heard, by which rule, where they were sent to, when they were applied, and what was answered.
-- Empty for what an older version wrote, and after the person was erased.
ALTER TABLE opt_out ADD COLUMN detail BYTEA;

-- The keyed hash of an erased text's number: nothing finds the text by it, but its own opt-out link goes on working.
ALTER TABLE message ADD COLUMN former_phone BYTEA;

-- Every reply, kept once. `settled_at` is empty while a person of the shop has to read it; an unclear one holds texts to
-- its phone until then.
CREATE TABLE reply (
    shop_id BIGINT NOT NULL,
    reply_id BIGINT NOT NULL,
    -- The gateway's own id of it, as a keyed hash.
    once BYTEA NOT NULL,
    phone BYTEA NOT NULL,
    at BIGINT NOT NULL,
    meaning TEXT NOT NULL,
    gateway_shop BIGINT NOT NULL,
    gateway_id BIGINT NOT NULL,
    -- The text it follows, 0 when we know of none.
    message_id BIGINT NOT NULL,
    -- Sealed: the words, from whom and to whom, what was heard.
    detail BYTEA NOT NULL,
    settled_at BIGINT,
    settled_by TEXT NOT NULL DEFAULT '',
    settled_as TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (shop_id, reply_id)
);
CREATE UNIQUE INDEX reply_once ON reply (shop_id, once);
CREATE INDEX reply_phone ON reply (shop_id, phone, at);
CREATE INDEX reply_open ON reply (shop_id, settled_at, meaning);
