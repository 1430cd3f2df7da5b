-- Events: what visitors do on a shop's site or in its app. Narrow, append-only, shop first; ids hold the moment of arrival,
-- so that a day is a range of them. Nothing in here names anybody: a visitor is a keyed hash of an anonymous id.
CREATE TABLE site_event (
    shop_id BIGINT NOT NULL,
    event_id BIGINT NOT NULL,
    -- When it happened, by our clock.
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    visitor BYTEA NOT NULL,
    -- The same event told twice is one.
    dedup BYTEA NOT NULL,
    target TEXT NOT NULL,
    product TEXT NOT NULL,
    page TEXT NOT NULL,
    source TEXT NOT NULL,
    medium TEXT NOT NULL,
    campaign TEXT NOT NULL,
    device TEXT NOT NULL,
    country TEXT NOT NULL,
    -- Per cent, seconds or milliseconds, as the kind has it.
    number BIGINT NOT NULL,
    value_minor BIGINT NOT NULL,
    currency TEXT NOT NULL,
    -- The shop's own name of the order, where the event is one.
    order_ref TEXT NOT NULL,
    payment TEXT NOT NULL,
    told_by TEXT NOT NULL CHECK (told_by IN ('pixel', 'server')),
    PRIMARY KEY (shop_id, event_id)
);
CREATE UNIQUE INDEX site_event_dedup ON site_event (shop_id, dedup);
CREATE INDEX site_event_at ON site_event (shop_id, at, event_id);
-- An event arrives after it happened: a span of one kind is a range of ids.
CREATE INDEX site_event_kind ON site_event (shop_id, kind, event_id);
CREATE INDEX site_event_order ON site_event (shop_id, order_ref) WHERE order_ref <> '';
CREATE INDEX site_event_visitor ON site_event (shop_id, visitor, at);

-- Which checkout or person a visitor turned out to be: only through a recovery link, the checkout, or the shop's own
-- word. `name` is a keyed hash as in `identity`.
CREATE TABLE visitor_name (
    shop_id BIGINT NOT NULL,
    visitor BYTEA NOT NULL,
    name BYTEA NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (shop_id, visitor, name)
);
CREATE INDEX visitor_name_of ON visitor_name (shop_id, name);

-- What was not kept, counted by day: programs, other sites' pages, floods.
CREATE TABLE site_event_dropped (
    shop_id BIGINT NOT NULL,
    day BIGINT NOT NULL,
    why TEXT NOT NULL,
    events BIGINT NOT NULL,
    PRIMARY KEY (shop_id, day, why)
);

-- One day of one shop in events and goals; recomputed from the facts whenever one of them changes. JSON, bounded.
CREATE TABLE tally (
    shop_id BIGINT NOT NULL,
    day BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (shop_id, day)
);
