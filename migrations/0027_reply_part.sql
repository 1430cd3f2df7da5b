-- Long texts from people that a gateway hands over part by part: which deliveries belong together. Expand only.
CREATE TABLE reply_part (
    -- The gateway's tenant: a shop, or 0 for the house.
    shop_id BIGINT NOT NULL,
    gateway_id BIGINT NOT NULL,
    -- Keyed hash of who wrote to whom and of what the provider calls the text.
    set_key BYTEA NOT NULL,
    part BIGINT NOT NULL,
    -- Where the words are; they lie nowhere else.
    delivery_id BIGINT NOT NULL,
    at BIGINT NOT NULL,
    -- 1 once it was read as a text, together with the others or without them.
    joined BIGINT NOT NULL,
    PRIMARY KEY (shop_id, gateway_id, set_key, part)
);
CREATE INDEX reply_part_at ON reply_part (shop_id, at);
