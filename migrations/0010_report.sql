-- Reports: what carts, texts, taps and orders are broken down by and a day's figures in all those
-- ways. Expand only: an older binary goes on working beside it; what it writes lacks these columns and is filed later.

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
