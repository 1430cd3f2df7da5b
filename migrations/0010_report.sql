-- Reports: what carts, texts, taps and orders are broken down by, a day's figures in all those ways, and the digest by
-- e-mail. Expand only: an older binary goes on working beside it; what it writes lacks these columns and is filed later.

-- NULL: not filed yet. What they say lies sealed, so only the program can file rows of before; the roll-up does it first.
-- product is the most valuable thing in the cart, reach how far its number goes ('', 'typed', 'mobile').
ALTER TABLE cart ADD COLUMN product TEXT;
ALTER TABLE cart ADD COLUMN source TEXT;
ALTER TABLE cart ADD COLUMN reach TEXT;
ALTER TABLE message ADD COLUMN language TEXT;
ALTER TABLE click ADD COLUMN device TEXT;
ALTER TABLE shop_order ADD COLUMN payment TEXT;
CREATE INDEX cart_unfiled ON cart (shop_id, cart_id) WHERE product IS NULL;
CREATE INDEX message_unfiled ON message (shop_id, message_id) WHERE language IS NULL;
CREATE INDEX click_unfiled ON click (shop_id, click_id) WHERE device IS NULL;
CREATE INDEX shop_order_unfiled ON shop_order (shop_id, order_id) WHERE payment IS NULL;

-- One day of one shop, broken down; the totals stay in `rollup`. JSON, bounded: every breakdown keeps so many values a day.
CREATE TABLE rollup_detail (
    shop_id BIGINT NOT NULL,
    day BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (shop_id, day)
);

-- Every day so far is computed again, broken down.
INSERT INTO job (shop_id, kind, subject_id, due_at, attempt)
SELECT DISTINCT shop_id, 'rollup', day, 0, 0 FROM rollup WHERE day IS NOT NULL
ON CONFLICT (shop_id, kind, subject_id) DO NOTHING;

-- The mail server: a row of the house, its settings sealed.
CREATE TABLE mail_server (
    shop_id BIGINT PRIMARY KEY,
    settings BYTEA NOT NULL,
    changed_at BIGINT NOT NULL
);

-- A report sent by mail again and again. schedule is a cron expression in the shop's zone, period what each one covers.
CREATE TABLE digest (
    shop_id BIGINT NOT NULL,
    digest_id BIGINT NOT NULL,
    period TEXT NOT NULL CHECK (period IN ('day', 'week', 'month')),
    schedule TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    removed_at BIGINT,
    PRIMARY KEY (shop_id, digest_id)
);

-- detail: name and address, sealed.
CREATE TABLE digest_recipient (
    shop_id BIGINT NOT NULL,
    recipient_id BIGINT NOT NULL,
    digest_id BIGINT NOT NULL,
    detail BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    stopped_at BIGINT,
    PRIMARY KEY (shop_id, recipient_id)
);
CREATE INDEX digest_recipient_of ON digest_recipient (shop_id, digest_id);

-- One letter to one recipient. last_day is the last day it covers. sending_at without an outcome: it may have left.
CREATE TABLE digest_letter (
    shop_id BIGINT NOT NULL,
    letter_id BIGINT NOT NULL,
    digest_id BIGINT NOT NULL,
    recipient_id BIGINT NOT NULL,
    first_day BIGINT NOT NULL,
    last_day BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    attempt BIGINT NOT NULL DEFAULT 0,
    sending_at BIGINT,
    sent_at BIGINT,
    failed_at BIGINT,
    why TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (shop_id, letter_id)
);
CREATE INDEX digest_letter_of ON digest_letter (shop_id, digest_id, created_at);
