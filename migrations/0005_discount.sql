-- Discount codes made in a shop for one text each, and what codes of texts took off orders.

CREATE TABLE discount (
    shop_id BIGINT NOT NULL,
    discount_id BIGINT NOT NULL,
    cart_id BIGINT NOT NULL,
    message_id BIGINT NOT NULL,
    -- In capitals, as it was asked for: shops compare without case.
    code TEXT NOT NULL,
    plan TEXT NOT NULL,
    wanted_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    made_at BIGINT,
    -- The shop's own name for it.
    external_id TEXT NOT NULL DEFAULT '',
    refused_at BIGINT,
    refused_why TEXT NOT NULL DEFAULT '',
    used_at BIGINT,
    order_id BIGINT,
    removed_at BIGINT,
    PRIMARY KEY (shop_id, discount_id)
);
CREATE UNIQUE INDEX discount_code ON discount (shop_id, code);
CREATE UNIQUE INDEX discount_message ON discount (shop_id, message_id);
CREATE INDEX discount_made ON discount (shop_id, made_at);

-- An order that used the code of a text, shared or its own: what that took off.
CREATE TABLE discount_use (
    shop_id BIGINT NOT NULL,
    order_id BIGINT NOT NULL,
    message_id BIGINT NOT NULL,
    step BIGINT NOT NULL,
    at BIGINT NOT NULL,
    currency TEXT NOT NULL,
    amount_minor BIGINT NOT NULL,
    PRIMARY KEY (shop_id, order_id, message_id)
);
CREATE INDEX discount_use_at ON discount_use (shop_id, at);
