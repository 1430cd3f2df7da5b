-- When a day's figures were made, and from how many facts: those of a day on which much happened are not made again for every
-- text that leaves.
ALTER TABLE rollup_detail ADD COLUMN made_at BIGINT;
ALTER TABLE rollup_detail ADD COLUMN facts BIGINT;
