-- Connecting: shops that are being set up, gateways that were removed, what self-tests found. Expand only: to an older
-- binary a shop that is being set up is a paused one.

ALTER TABLE shop ADD COLUMN setting_up_since BIGINT;

-- A removed gateway sends nothing more; its keys stay until no receipt of its texts can come.
ALTER TABLE gateway ADD COLUMN removed_at BIGINT;

-- Runs of a shop's self-test, as they were asked for: by a person or by the night. `steps` is what was done, step by step,
-- as JSON; it names nobody, for the visit it plays is nobody's.
CREATE TABLE self_test (
    shop_id BIGINT NOT NULL,
    test_id BIGINT NOT NULL,
    asked_at BIGINT NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('person', 'night')),
    started_at BIGINT,
    ended_at BIGINT,
    verdict TEXT NOT NULL DEFAULT '',
    steps TEXT NOT NULL DEFAULT '[]',
    PRIMARY KEY (shop_id, test_id)
);
