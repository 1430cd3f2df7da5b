-- Whom, when and in which words: what a decision was made of, which sequence a cart follows, and texts that are no reminders.
-- Expand only: an older binary goes on working beside it.

-- `reminder`, or a text of the service itself: a request to confirm, an answer to a reply, a test.
ALTER TABLE message ADD COLUMN purpose TEXT NOT NULL DEFAULT 'reminder';
-- The sequence a reminder belongs to.
ALTER TABLE message ADD COLUMN sequence TEXT NOT NULL DEFAULT '';
-- cart_id is what the text is about: the cart, or for an answer the reply it answers.
DROP INDEX message_once;
CREATE UNIQUE INDEX message_once ON message (shop_id, purpose, cart_id, step);
CREATE INDEX message_about ON message (shop_id, cart_id);

-- What was chosen when the cart was abandoned: a sequence, and the version of the shop's rules it is read in.
ALTER TABLE cart ADD COLUMN sequence TEXT NOT NULL DEFAULT '';
ALTER TABLE cart ADD COLUMN rules_version BIGINT NOT NULL DEFAULT 0;

-- What a decision was made of, so that it can be made again: facts, rules and law.
ALTER TABLE decision ADD COLUMN facts TEXT NOT NULL DEFAULT '';
ALTER TABLE decision ADD COLUMN rules_version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE decision ADD COLUMN law TEXT NOT NULL DEFAULT '';

ALTER TABLE shop ADD COLUMN rules_version BIGINT NOT NULL DEFAULT 0;

-- Every version of a shop's rules, as it was saved.
CREATE TABLE rules_version (
    shop_id BIGINT NOT NULL,
    version BIGINT NOT NULL,
    rules TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (shop_id, version)
);

-- Every version of the law's data this installation ever decided by, as it stood in the binary. An operator table.
CREATE TABLE law_pack (
    version TEXT PRIMARY KEY,
    body TEXT NOT NULL,
    added_at BIGINT NOT NULL
);
