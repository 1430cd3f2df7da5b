-- Restores: from which moments on this database is whole, and what it cannot know of the time before. An operator table.
-- Expand only.
CREATE TABLE restored (
    -- Also the id of the halt that came with it.
    restore_id BIGINT PRIMARY KEY,
    -- When it was brought in, and what its copy knows up to.
    at BIGINT NOT NULL,
    backup_at BIGINT NOT NULL,
    -- Set by the operator's word that nothing was sent in between.
    silent_at BIGINT
);
