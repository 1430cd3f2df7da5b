-- Where events are sent on: outbound webhooks, and later other destinations. `settings` is sealed: address and secrets.
CREATE TABLE sink (
    shop_id BIGINT NOT NULL,
    sink_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    -- Names of the events it hears, with spaces between them.
    topics TEXT NOT NULL,
    settings BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    -- The operator chose its address: it may lie in a private network.
    private_at BIGINT,
    -- Phone and e-mail are told too.
    personal_at BIGINT,
    -- The secret before the newest one signs too until a day after this.
    rotated_at BIGINT,
    -- Nothing was taken since.
    failing_since BIGINT,
    disabled_at BIGINT,
    disabled_why TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (shop_id, sink_id)
);

-- What happened, written with the fact itself and only where a sink hears it. `data` names ids and sums, nobody's name.
CREATE TABLE outbox (
    shop_id BIGINT NOT NULL,
    event_id BIGINT NOT NULL,
    topic TEXT NOT NULL,
    at BIGINT NOT NULL,
    -- The cart, text or order it is about, so that forgetting one finds its events.
    about BIGINT NOT NULL,
    -- The keyed hash of the number, where it is about one.
    phone BYTEA,
    data TEXT NOT NULL,
    PRIMARY KEY (shop_id, event_id)
);
CREATE INDEX outbox_about ON outbox (shop_id, about);
CREATE INDEX outbox_phone ON outbox (shop_id, phone) WHERE phone IS NOT NULL;

-- One event on its way to one sink. Neither delivered nor given up: it is due.
CREATE TABLE forward (
    shop_id BIGINT NOT NULL,
    sink_id BIGINT NOT NULL,
    event_id BIGINT NOT NULL,
    due_at BIGINT,
    attempts BIGINT NOT NULL DEFAULT 0,
    -- Attempts since it was last asked for: a replay begins the schedule anew.
    tries BIGINT NOT NULL DEFAULT 0,
    delivered_at BIGINT,
    given_up_at BIGINT,
    PRIMARY KEY (shop_id, sink_id, event_id)
);
CREATE INDEX forward_due ON forward (shop_id, sink_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX forward_given_up ON forward (shop_id, sink_id, event_id) WHERE given_up_at IS NOT NULL;
CREATE INDEX forward_event ON forward (shop_id, event_id);

CREATE TABLE forward_attempt (
    shop_id BIGINT NOT NULL,
    sink_id BIGINT NOT NULL,
    event_id BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    at BIGINT NOT NULL,
    took_ms BIGINT NOT NULL,
    -- The HTTP status; none when there was no answer.
    status BIGINT,
    -- Why it failed, in our words; "" when it did not.
    why TEXT NOT NULL,
    -- The beginning of the answer, scrubbed and sealed: receivers echo what they were sent.
    answer BYTEA NOT NULL,
    PRIMARY KEY (shop_id, sink_id, event_id, attempt)
);

-- The names of all events any sink of the shop hears, so that a shop without one pays nothing per event. Written with the
-- sinks, in the shop's turn.
ALTER TABLE shop ADD COLUMN forwards TEXT NOT NULL DEFAULT '';
