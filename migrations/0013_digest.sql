-- Figures by mail: who of the team gets those of which shop, how often. Where it goes is the person's own address.
CREATE TABLE digest (
    shop_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    rhythm TEXT NOT NULL CHECK (rhythm IN ('daily', 'weekly', 'monthly', 'own')),
    -- A cron expression of five fields, for a rhythm of one's own.
    schedule TEXT NOT NULL,
    -- The language it was asked for in, for who follows their browser.
    language TEXT NOT NULL,
    -- Nothing is owed from before this.
    since BIGINT NOT NULL,
    PRIMARY KEY (shop_id, user_id)
);

-- One issue. Its key is why there is at most one per occurrence. Begun without an outcome: it may have left.
CREATE TABLE digest_issue (
    shop_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    -- What the clock on the shop's wall showed: the hour that comes twice in autumn is one occurrence.
    occurrence BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    begun_at BIGINT,
    sent_at BIGINT,
    refused_at BIGINT,
    unknown_at BIGINT,
    -- Why not, in our words; "" when all is well.
    why TEXT NOT NULL,
    PRIMARY KEY (shop_id, user_id, occurrence)
);
