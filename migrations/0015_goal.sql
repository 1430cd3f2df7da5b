-- What a merchant counts, and the ways to it that were saved. JSON: read only by the program, a few rows a shop.
CREATE TABLE goal (
    shop_id BIGINT NOT NULL,
    goal_id BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (shop_id, goal_id)
);
CREATE TABLE funnel (
    shop_id BIGINT NOT NULL,
    funnel_id BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (shop_id, funnel_id)
);
