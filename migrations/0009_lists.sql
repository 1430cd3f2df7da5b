-- Lists people work with, and what they do by hand: columns and indexes that let a list of a million rows begin at once,
-- acts on carts and texts, corrections of deliveries, and replays of many of them.
-- Expand only: an older binary goes on working beside it; what it writes meanwhile is put right by its next write.

-- Derived, for lists and counts only; the store writes each where the facts it follows from are written.
-- When the cart was abandoned, begun while it is not.
ALTER TABLE cart ADD COLUMN listed_at BIGINT NOT NULL DEFAULT 0;
-- How far it came: 0 abandoned or not yet, 1 reachable, 2 texted, 3 delivered, 4 tapped, 5 recovered.
ALTER TABLE cart ADD COLUMN stage BIGINT NOT NULL DEFAULT 0;
-- The last step whose text a gateway accepted.
ALTER TABLE cart ADD COLUMN step BIGINT NOT NULL DEFAULT 0;
ALTER TABLE cart ADD COLUMN language TEXT NOT NULL DEFAULT '';
-- Set where the cart itself carries a consent.
ALTER TABLE cart ADD COLUMN consented_at BIGINT;
-- When it left, made while it has not.
ALTER TABLE message ADD COLUMN listed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN state TEXT NOT NULL DEFAULT 'queued';
-- The first time a person opened its link.
ALTER TABLE message ADD COLUMN tapped_at BIGINT;

UPDATE cart SET
    listed_at = COALESCE(abandoned_at, started_at),
    stage = CASE
        WHEN EXISTS (SELECT 1 FROM message JOIN credit ON credit.shop_id = message.shop_id
                       AND credit.message_id = message.message_id AND credit.class = 'credited'
                     WHERE message.shop_id = cart.shop_id AND message.cart_id = cart.cart_id
                       AND message.purpose = 'reminder') THEN 5
        WHEN EXISTS (SELECT 1 FROM message JOIN click ON click.shop_id = message.shop_id
                       AND click.message_id = message.message_id AND click.verdict = 'human'
                     WHERE message.shop_id = cart.shop_id AND message.cart_id = cart.cart_id
                       AND message.purpose = 'reminder') THEN 4
        WHEN EXISTS (SELECT 1 FROM message WHERE message.shop_id = cart.shop_id AND message.cart_id = cart.cart_id
                       AND message.purpose = 'reminder' AND message.delivered_at IS NOT NULL) THEN 3
        WHEN EXISTS (SELECT 1 FROM message WHERE message.shop_id = cart.shop_id AND message.cart_id = cart.cart_id
                       AND message.purpose = 'reminder' AND message.accepted_at IS NOT NULL) THEN 2
        WHEN reachable_at IS NOT NULL THEN 1 ELSE 0 END,
    step = COALESCE((SELECT MAX(message.step) FROM message
                     WHERE message.shop_id = cart.shop_id AND message.cart_id = cart.cart_id
                       AND message.purpose = 'reminder' AND message.accepted_at IS NOT NULL), 0);
UPDATE message SET
    listed_at = COALESCE(accepted_at, created_at),
    state = CASE
        WHEN delivered_at IS NOT NULL THEN 'delivered' WHEN undelivered_at IS NOT NULL THEN 'undelivered'
        WHEN accepted_at IS NOT NULL THEN 'accepted' WHEN refused_at IS NOT NULL THEN 'refused'
        WHEN cancelled_at IS NOT NULL THEN 'cancelled' WHEN expired_at IS NOT NULL THEN 'expired'
        WHEN unknown_at IS NOT NULL THEN 'unknown' WHEN sending_at IS NOT NULL THEN 'sending' ELSE 'queued' END,
    tapped_at = (SELECT MIN(click.at) FROM click WHERE click.shop_id = message.shop_id
                   AND click.message_id = message.message_id AND click.verdict = 'human');

-- Each holds every column its list is narrowed by, so that looking through many rows never opens one.
CREATE INDEX cart_list ON cart (shop_id, listed_at, cart_id, stage, step, sequence, country, language, currency,
                                total_minor, phone, abandoned_at, bought_at, reachable_at, consented_at);
CREATE INDEX cart_stage ON cart (shop_id, stage, listed_at, cart_id, abandoned_at);
CREATE INDEX cart_worth ON cart (shop_id, currency, total_minor, cart_id, listed_at, stage, step, sequence, country,
                                 language, phone, abandoned_at, bought_at, reachable_at, consented_at);
CREATE INDEX message_list ON message (shop_id, listed_at, message_id, state, purpose, step, gateway_id, country,
                                      cost_currency, cost_micros);
CREATE INDEX message_state ON message (shop_id, state, listed_at, message_id, purpose, step, gateway_id, country,
                                       cost_currency, cost_micros);
CREATE INDEX message_delivered ON message (shop_id, delivered_at, message_id, purpose, step, gateway_id, country,
                                           cost_currency, cost_micros);
CREATE INDEX message_tapped ON message (shop_id, tapped_at, message_id, purpose, step, gateway_id, country,
                                        cost_currency, cost_micros);
CREATE INDEX message_cost ON message (shop_id, cost_currency, cost_micros, message_id, listed_at, state, purpose, step,
                                      gateway_id, country);
CREATE INDEX shop_order_worth ON shop_order (shop_id, currency, total_minor, order_id, placed_at);
CREATE INDEX credit_list ON credit (shop_id, entry, at, order_id, class, currency, amount_minor, message_id, step);
DROP INDEX inbox_received;
CREATE INDEX inbox_received ON inbox (shop_id, received_at, delivery_id, gateway_id, topic, events, done_at, problem);
CREATE INDEX inbox_unreadable ON inbox (shop_id, received_at, delivery_id, gateway_id, topic, problem) WHERE problem <> '';
CREATE INDEX inbox_waiting ON inbox (shop_id, received_at, delivery_id, gateway_id, topic, done_at) WHERE done_at IS NULL;
CREATE INDEX opt_out_at ON opt_out (shop_id, at, phone, source);
CREATE INDEX consent_at ON consent (shop_id, at, phone, state, source);

-- What a person did to a cart. A hold stands until the next release; a dismissal for good; sending at once is for one step.
CREATE TABLE cart_act (
    shop_id BIGINT NOT NULL,
    act_id BIGINT NOT NULL,
    cart_id BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('hold', 'release', 'dismiss', 'send_now')),
    step BIGINT NOT NULL,
    at BIGINT NOT NULL,
    by_name TEXT NOT NULL,
    PRIMARY KEY (shop_id, act_id)
);
CREATE INDEX cart_act_of ON cart_act (shop_id, cart_id);

-- What a person said became of a text whose outcome nobody knew, and when that attempt had been made.
CREATE TABLE message_act (
    shop_id BIGINT NOT NULL,
    act_id BIGINT NOT NULL,
    message_id BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('arrived', 'never_left', 'again')),
    attempted_at BIGINT,
    at BIGINT NOT NULL,
    by_name TEXT NOT NULL,
    PRIMARY KEY (shop_id, act_id)
);
CREATE INDEX message_act_of ON message_act (shop_id, message_id);

-- What a person put in the place of a body that could not be read. The body itself stays as it came.
CREATE TABLE correction (
    shop_id BIGINT NOT NULL,
    delivery_id BIGINT NOT NULL,
    correction_id BIGINT NOT NULL,
    body BYTEA NOT NULL,
    at BIGINT NOT NULL,
    by_name TEXT NOT NULL,
    PRIMARY KEY (shop_id, delivery_id, correction_id)
);

-- Deliveries being read again, many at once: which, how far it has come, and who wanted it.
CREATE TABLE replay_run (
    shop_id BIGINT NOT NULL,
    run_id BIGINT NOT NULL,
    -- What narrows them, as the list's address has it.
    narrowed TEXT NOT NULL,
    begun_at BIGINT NOT NULL,
    by_name TEXT NOT NULL,
    -- The last one that was made due, oldest first.
    upto_at BIGINT NOT NULL,
    upto_id BIGINT NOT NULL,
    done BIGINT NOT NULL,
    ended_at BIGINT,
    cancelled_at BIGINT,
    PRIMARY KEY (shop_id, run_id)
);
