-- Money at risk: what is counted against fake checkouts and runaway spend, what is paused for it, and the kill switch.
-- Expand only: an older binary goes on working beside it, it only counts nothing.

-- Counters. key is a keyed hash (of a network, a block of numbers, a country) or empty; bucket is the first moment of the
-- quarter of an hour, the hour or the day that is counted, or 0 for what has no time (a price).
CREATE TABLE guard (
    shop_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    key BYTEA NOT NULL,
    bucket BIGINT NOT NULL,
    texts BIGINT NOT NULL,
    micros BIGINT NOT NULL,
    PRIMARY KEY (shop_id, kind, key, bucket)
);

-- What one text is taken to cost, on which of the shop's days: put right when its price is told, so that it counts once.
CREATE TABLE spend (
    shop_id BIGINT NOT NULL,
    message_id BIGINT NOT NULL,
    day BIGINT NOT NULL,
    micros BIGINT NOT NULL,
    PRIMARY KEY (shop_id, message_id)
);
CREATE INDEX spend_day ON spend (shop_id, day);

-- What is paused until a person resumes it. label tells the person which numbers, sealed.
CREATE TABLE pause (
    shop_id BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('prefix', 'country', 'breaker')),
    key BYTEA NOT NULL,
    at BIGINT NOT NULL,
    why TEXT NOT NULL,
    label BYTEA NOT NULL,
    resumed_at BIGINT,
    PRIMARY KEY (shop_id, kind, key)
);

-- Texts of the last day to one phone from every shop, under the house's key: rows of the house, one for each text that may
-- go. lane keeps reminders and requests to confirm apart; slot 0 is only ever locked.
CREATE TABLE phone_use (
    shop_id BIGINT NOT NULL,
    phone BYTEA NOT NULL,
    lane TEXT NOT NULL,
    slot BIGINT NOT NULL,
    at BIGINT NOT NULL,
    by_shop BIGINT NOT NULL,
    by_message BIGINT NOT NULL,
    PRIMARY KEY (shop_id, phone, lane, slot)
);
CREATE INDEX phone_use_at ON phone_use (shop_id, at);

-- The kill switch: while a row is not lifted, no shop sends anything. An operator table.
CREATE TABLE halt (
    halt_id BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    why TEXT NOT NULL,
    lifted_at BIGINT
);
