-- People who sign in: with which password, at which shops, in which language; and the record of what was done.

-- `email` is sealed and `email_index` finds it; both are empty until it was chosen and after the person was removed.
ALTER TABLE person ADD COLUMN email BYTEA;
ALTER TABLE person ADD COLUMN email_index BYTEA;
-- A PHC string of Argon2id; '' until one was chosen.
ALTER TABLE person ADD COLUMN password TEXT NOT NULL DEFAULT '';
-- '' follows the browser.
ALTER TABLE person ADD COLUMN language TEXT NOT NULL DEFAULT '';
-- Set when the person is bound to the shops of person_shop; without it, every shop is theirs.
ALTER TABLE person ADD COLUMN bound_at BIGINT;
ALTER TABLE person ADD COLUMN seen_at BIGINT;
ALTER TABLE person ADD COLUMN removed_at BIGINT;
CREATE UNIQUE INDEX person_email ON person (email_index);

CREATE TABLE person_shop (
    shop_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    PRIMARY KEY (shop_id, user_id)
);
CREATE INDEX person_shop_of ON person_shop (user_id);

ALTER TABLE session ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE session ADD COLUMN browser TEXT NOT NULL DEFAULT '';
-- Set while this session may choose a password without the old one: it began by a link.
ALTER TABLE session ADD COLUMN renews_at BIGINT;
CREATE INDEX session_of ON session (user_id);

-- The audit log: one row per change somebody asked for. No shopper is named in it, and no secret.
CREATE TABLE trail (
    -- 0: the whole house.
    shop_id BIGINT NOT NULL,
    entry_id BIGINT NOT NULL,
    at BIGINT NOT NULL,
    door TEXT NOT NULL CHECK (door IN ('page', 'api', 'command')),
    -- 0: nobody who signs in.
    user_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    -- Method and route, or the words of a command.
    act TEXT NOT NULL,
    -- Where the thing it was done to is shown; '' when nowhere.
    object TEXT NOT NULL,
    detail TEXT NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('done', 'refused', 'failed')),
    PRIMARY KEY (shop_id, entry_id)
);
CREATE INDEX trail_entry ON trail (entry_id);

-- Settings of the whole house that are changed while it runs.
CREATE TABLE house_setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
