-- Call tracking: numbers a shop rents to show in its texts, and the calls that came in on them. Expand only.

-- A number of the pool. One that was removed stays for the calls it took.
CREATE TABLE call_number (
    shop_id BIGINT NOT NULL,
    number_id BIGINT NOT NULL,
    -- E.164, the shop's own: the rented one, and the one it answers on.
    number TEXT NOT NULL,
    answers TEXT NOT NULL,
    -- The sequence whose texts show it; "" for every other.
    sequence TEXT NOT NULL,
    added_at BIGINT NOT NULL,
    removed_at BIGINT,
    PRIMARY KEY (shop_id, number_id)
);
CREATE UNIQUE INDEX call_number_once ON call_number (shop_id, number) WHERE removed_at IS NULL;

-- How calls are taken and what counts; a shop without a row has the defaults.
CREATE TABLE call_desk (
    shop_id BIGINT NOT NULL PRIMARY KEY,
    -- Seconds a call must have been talked to count.
    least_seconds BIGINT NOT NULL,
    -- The key Twilio signs with, sealed; NULL for that of the Twilio gateway.
    token BYTEA,
    -- Calls told by somebody who is not Twilio.
    refused_at BIGINT,
    refused_count BIGINT NOT NULL DEFAULT 0
);

-- One call, however often it is told.
CREATE TABLE tracked_call (
    shop_id BIGINT NOT NULL,
    call_id BIGINT NOT NULL,
    -- Twilio's own name for it.
    call_sid TEXT NOT NULL,
    number_id BIGINT NOT NULL,
    called_at BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('ringing', 'answered', 'missed')),
    seconds BIGINT NOT NULL DEFAULT 0,
    ended_at BIGINT,
    -- The keyed hash of the caller's number; empty for a hidden one, and once the person is forgotten.
    phone BYTEA NOT NULL,
    -- How surely it came of a text.
    tie TEXT NOT NULL CHECK (tie IN ('phone', 'sequence', 'unknown')),
    -- The newest text to that phone before it, 0 without one, and the sequence it is counted for.
    message_id BIGINT NOT NULL,
    sequence TEXT NOT NULL,
    -- The shop's own day it counts on, in days since 1970; NULL where it does not.
    counted_day BIGINT,
    PRIMARY KEY (shop_id, call_id)
);
CREATE UNIQUE INDEX tracked_call_sid ON tracked_call (shop_id, call_sid);
CREATE INDEX tracked_call_at ON tracked_call (shop_id, called_at, call_id);
CREATE INDEX tracked_call_phone ON tracked_call (shop_id, phone, counted_day);
