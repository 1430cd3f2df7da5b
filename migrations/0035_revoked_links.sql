-- Since when the recovery links that a key signed lead nowhere; NULL while they do.
ALTER TABLE shop_key ADD COLUMN links_revoked_at BIGINT;
