-- Grows for as long as a process's worker is at work; NULL while it has none. Processes tell by it which of them share the
-- shops.
ALTER TABLE node ADD COLUMN beat BIGINT;
