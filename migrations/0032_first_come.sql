-- When a claimed job fell due: what comes of it keeps that place, instead of queueing behind everything that is overdue.
ALTER TABLE job ADD COLUMN fell_due_at BIGINT;

-- A shop's jobs in the order they fell due: by the index over all shops a claim reads past whatever the others have due.
CREATE INDEX job_of_shop ON job (shop_id, due_at);

-- Its jobs of one kind are found by the primary key, as they came to be.
DROP INDEX job_due_of_shop;
