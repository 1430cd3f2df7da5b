-- Sales made away from the site (till, loyalty card, phone), told in files or by the API, beside the texts that went
-- before them. Kept apart from orders and credits: no online figure knows of these tables. Expand only.

-- One file or one call. Its counts say what became of its lines.
CREATE TABLE offline_upload (
    shop_id BIGINT NOT NULL,
    upload_id BIGINT NOT NULL,
    -- What the file was called; "" for the API.
    name TEXT NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('page', 'command line', 'api')),
    by_name TEXT NOT NULL,
    begun_at BIGINT NOT NULL,
    -- NULL while its lines are still being put down: one that stays so was cut off.
    ready_at BIGINT,
    ended_at BIGINT,
    undone_at BIGINT,
    total BIGINT NOT NULL DEFAULT 0,
    done BIGINT NOT NULL DEFAULT 0,
    after_text BIGINT NOT NULL DEFAULT 0,
    nobody BIGINT NOT NULL DEFAULT 0,
    ambiguous BIGINT NOT NULL DEFAULT 0,
    online BIGINT NOT NULL DEFAULT 0,
    known BIGINT NOT NULL DEFAULT 0,
    refund BIGINT NOT NULL DEFAULT 0,
    differs BIGINT NOT NULL DEFAULT 0,
    wrong BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (shop_id, upload_id)
);

-- Lines that wait to be matched, sealed, some hundreds together; a part goes when it was.
CREATE TABLE offline_part (
    shop_id BIGINT NOT NULL,
    part_id BIGINT NOT NULL,
    upload_id BIGINT NOT NULL,
    lines BIGINT NOT NULL,
    told BYTEA NOT NULL,
    PRIMARY KEY (shop_id, part_id)
);
CREATE INDEX offline_part_of ON offline_part (shop_id, upload_id, part_id);

-- What became of each line. Names nobody.
CREATE TABLE offline_line (
    shop_id BIGINT NOT NULL,
    upload_id BIGINT NOT NULL,
    line BIGINT NOT NULL,
    reference TEXT NOT NULL,
    outcome TEXT NOT NULL,
    -- "" where the outcome says it all.
    why TEXT NOT NULL,
    -- 0 where it tells no sale.
    sale_id BIGINT NOT NULL,
    refund_minor BIGINT NOT NULL,
    refund_at BIGINT NOT NULL,
    PRIMARY KEY (shop_id, upload_id, line)
);
CREATE INDEX offline_line_sale ON offline_line (shop_id, sale_id, upload_id) WHERE sale_id <> 0;

-- One sale, however often it was told.
CREATE TABLE offline_sale (
    shop_id BIGINT NOT NULL,
    sale_id BIGINT NOT NULL,
    upload_id BIGINT NOT NULL,
    -- What makes it the same sale: its reference, or a keyed hash of who, when and how much.
    once TEXT NOT NULL,
    reference TEXT NOT NULL,
    channel TEXT NOT NULL CHECK (channel IN ('pos', 'loyalty', 'phone', 'other')),
    sold_at BIGINT NOT NULL,
    currency TEXT NOT NULL,
    total_minor BIGINT NOT NULL,
    refund_minor BIGINT NOT NULL DEFAULT 0,
    refund_at BIGINT NOT NULL DEFAULT 0,
    outcome TEXT NOT NULL CHECK (outcome IN ('after_text', 'nobody', 'ambiguous', 'online')),
    -- What tied it to a person: '', 'phone', 'email', 'phone_sha256', 'email_sha256'.
    tie TEXT NOT NULL,
    -- The newest text before it, 0 without one, and how long before that was.
    message_id BIGINT NOT NULL,
    after_ms BIGINT NOT NULL,
    tapped_at BIGINT,
    -- The keyed hash of the texted number; empty without one, and once the person is forgotten.
    phone BYTEA NOT NULL,
    -- Every text that was considered, as JSON.
    evidence TEXT NOT NULL,
    PRIMARY KEY (shop_id, sale_id)
);
CREATE UNIQUE INDEX offline_sale_once ON offline_sale (shop_id, once);
CREATE INDEX offline_sale_at ON offline_sale (shop_id, sold_at, sale_id, outcome, after_ms, currency, total_minor, refund_minor);
CREATE INDEX offline_sale_phone ON offline_sale (shop_id, phone);
