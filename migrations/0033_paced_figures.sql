-- When a day's figures were made, and from how many facts, where that is many: a day on which much happened is not added up
-- again for every text that leaves.
ALTER TABLE rollup_detail ADD COLUMN made_at BIGINT;
ALTER TABLE rollup_detail ADD COLUMN facts BIGINT;
