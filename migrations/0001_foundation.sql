-- One set of SQL for SQLite and PostgreSQL; every rule is at the head of src/store/mod.rs.
-- Times are epoch milliseconds, money is minor units, costs are millionths; sealed columns are ciphertext.

-- Operator tables: small, read before the shop is known.

CREATE TABLE node (
    node_id BIGINT PRIMARY KEY,
    holder TEXT NOT NULL,
    leased_until BIGINT NOT NULL
);

CREATE TABLE shop (
    shop_id BIGINT PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    country TEXT NOT NULL,
    currency TEXT NOT NULL,
    zone TEXT NOT NULL,
    settings BYTEA NOT NULL,
    rules TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    paused_at BIGINT,
    uninstalled_at BIGINT,
    erased_at BIGINT
);

CREATE TABLE shop_key (
    shop_id BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    wrapped BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (shop_id, generation)
);

CREATE TABLE connection (
    public_id TEXT PRIMARY KEY,
    shop_id BIGINT NOT NULL,
    -- 0: the shop's own webhooks; otherwise the gateway's callbacks.
    gateway_id BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    refused_at BIGINT,
    refused_count BIGINT NOT NULL DEFAULT 0,
    refused_why TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX connection_of ON connection (shop_id, gateway_id);

CREATE TABLE person (
    user_id BIGINT PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('owner', 'manager', 'analyst')),
    created_at BIGINT NOT NULL
);

CREATE TABLE sign_in_link (
    token_hash BYTEA PRIMARY KEY,
    user_id BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);

CREATE TABLE session (
    token_hash BYTEA PRIMARY KEY,
    user_id BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- Which occurrences of recurring work have been taken, so that each runs once whatever number of processes there is.
CREATE TABLE recurring (
    shop_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    occurrence BIGINT NOT NULL,
    taken_by TEXT NOT NULL,
    PRIMARY KEY (shop_id, kind, occurrence)
);

-- Tenant tables.

-- One row per shop: whoever holds its lock may change the shop's facts, so that an order and a text never pass each other.
CREATE TABLE turn (
    shop_id BIGINT PRIMARY KEY
);

CREATE TABLE gateway (
    shop_id BIGINT NOT NULL,
    gateway_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    settings BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    -- Set when the operator chose its address by hand: private networks are then allowed.
    private_at BIGINT,
    paused_at BIGINT,
    pause_reason TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (shop_id, gateway_id)
);

CREATE TABLE inbox (
    shop_id BIGINT NOT NULL,
    delivery_id BIGINT NOT NULL,
    gateway_id BIGINT NOT NULL,
    topic TEXT NOT NULL,
    dedup BYTEA NOT NULL,
    received_at BIGINT NOT NULL,
    head BYTEA NOT NULL,
    body BYTEA NOT NULL,
    done_at BIGINT,
    events BIGINT NOT NULL DEFAULT 0,
    problem TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (shop_id, delivery_id)
);
CREATE UNIQUE INDEX inbox_dedup ON inbox (shop_id, dedup);
CREATE INDEX inbox_received ON inbox (shop_id, received_at);

-- What is due and nothing else: finding work costs what is due, never what exists.
CREATE TABLE job (
    shop_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    subject_id BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    attempt BIGINT NOT NULL DEFAULT 0,
    claimed_until BIGINT,
    claimed_by TEXT,
    PRIMARY KEY (shop_id, kind, subject_id)
);
CREATE INDEX job_due ON job (due_at, shop_id);
CREATE INDEX job_due_of_shop ON job (shop_id, kind, due_at);

-- Blind index from a phone, e-mail, customer or token to the carts and orders that carry it.
CREATE TABLE identity (
    shop_id BIGINT NOT NULL,
    value BYTEA NOT NULL,
    subject TEXT NOT NULL CHECK (subject IN ('cart', 'order')),
    subject_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    PRIMARY KEY (shop_id, value, subject, subject_id)
);
CREATE INDEX identity_of ON identity (shop_id, subject, subject_id);

CREATE TABLE cart (
    shop_id BIGINT NOT NULL,
    cart_id BIGINT NOT NULL,
    token BYTEA NOT NULL,
    started_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    revision BYTEA NOT NULL,
    phone BYTEA,
    country TEXT NOT NULL,
    currency TEXT NOT NULL,
    total_minor BIGINT NOT NULL,
    detail BYTEA NOT NULL,
    abandoned_at BIGINT,
    reachable_at BIGINT,
    bought_at BIGINT,
    deleted_at BIGINT,
    erased_at BIGINT,
    PRIMARY KEY (shop_id, cart_id)
);
CREATE UNIQUE INDEX cart_token ON cart (shop_id, token);
CREATE INDEX cart_abandoned ON cart (shop_id, abandoned_at);
CREATE INDEX cart_phone ON cart (shop_id, phone);

-- Deleted checkouts by the blind index of their name: a delete may arrive before what it deletes.
CREATE TABLE cart_deletion (
    shop_id BIGINT NOT NULL,
    name BYTEA NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (shop_id, name)
);

CREATE TABLE consent (
    shop_id BIGINT NOT NULL,
    phone BYTEA NOT NULL,
    at BIGINT NOT NULL,
    state TEXT NOT NULL,
    source TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    detail BYTEA NOT NULL,
    PRIMARY KEY (shop_id, phone, at, state, source)
);

CREATE TABLE opt_out (
    shop_id BIGINT NOT NULL,
    phone BYTEA NOT NULL,
    at BIGINT NOT NULL,
    source TEXT NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (shop_id, phone, at, source)
);

CREATE TABLE decision (
    shop_id BIGINT NOT NULL,
    decision_id BIGINT NOT NULL,
    cart_id BIGINT NOT NULL,
    step BIGINT NOT NULL,
    at BIGINT NOT NULL,
    verdict TEXT NOT NULL,
    until BIGINT,
    gates TEXT NOT NULL,
    PRIMARY KEY (shop_id, decision_id)
);
CREATE INDEX decision_cart ON decision (shop_id, cart_id);

CREATE TABLE message (
    shop_id BIGINT NOT NULL,
    message_id BIGINT NOT NULL,
    cart_id BIGINT NOT NULL,
    step BIGINT NOT NULL,
    gateway_shop BIGINT NOT NULL,
    gateway_id BIGINT NOT NULL,
    phone BYTEA NOT NULL,
    country TEXT NOT NULL,
    detail BYTEA NOT NULL,
    segments BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    attempt BIGINT NOT NULL DEFAULT 0,
    sending_at BIGINT,
    sending_by TEXT,
    accepted_at BIGINT,
    refused_at BIGINT,
    unknown_at BIGINT,
    delivered_at BIGINT,
    undelivered_at BIGINT,
    cancelled_at BIGINT,
    expired_at BIGINT,
    reason TEXT NOT NULL DEFAULT '',
    gateway_ref TEXT,
    cost_micros BIGINT,
    cost_currency TEXT,
    PRIMARY KEY (shop_id, message_id)
);
CREATE UNIQUE INDEX message_once ON message (shop_id, cart_id, step);
CREATE INDEX message_phone ON message (shop_id, phone, created_at);
CREATE INDEX message_gateway_ref ON message (shop_id, gateway_ref);
CREATE INDEX message_accepted ON message (shop_id, accepted_at);

CREATE TABLE click (
    shop_id BIGINT NOT NULL,
    click_id BIGINT NOT NULL,
    message_id BIGINT NOT NULL,
    at BIGINT NOT NULL,
    opened TEXT NOT NULL,
    verdict TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (shop_id, click_id)
);
CREATE INDEX click_message ON click (shop_id, message_id);
CREATE INDEX click_at ON click (shop_id, at);

CREATE TABLE shop_order (
    shop_id BIGINT NOT NULL,
    order_id BIGINT NOT NULL,
    external_id TEXT NOT NULL,
    number TEXT NOT NULL,
    placed_at BIGINT,
    updated_at BIGINT NOT NULL,
    revision BYTEA NOT NULL,
    cancelled_at BIGINT,
    currency TEXT NOT NULL,
    total_minor BIGINT NOT NULL,
    detail BYTEA NOT NULL,
    erased_at BIGINT,
    PRIMARY KEY (shop_id, order_id)
);
CREATE UNIQUE INDEX shop_order_external ON shop_order (shop_id, external_id);
CREATE INDEX shop_order_placed ON shop_order (shop_id, placed_at);

CREATE TABLE refund (
    shop_id BIGINT NOT NULL,
    order_external_id TEXT NOT NULL,
    external_id TEXT NOT NULL,
    amount_minor BIGINT NOT NULL,
    currency TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (shop_id, order_external_id, external_id)
);

CREATE TABLE credit (
    shop_id BIGINT NOT NULL,
    order_id BIGINT NOT NULL,
    entry TEXT NOT NULL,
    message_id BIGINT NOT NULL,
    step BIGINT NOT NULL,
    class TEXT NOT NULL CHECK (class IN ('credited', 'assisted')),
    amount_minor BIGINT NOT NULL,
    currency TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (shop_id, order_id, entry)
);
CREATE INDEX credit_at ON credit (shop_id, at);
CREATE INDEX credit_message ON credit (shop_id, message_id);

CREATE TABLE evidence (
    shop_id BIGINT NOT NULL,
    order_id BIGINT NOT NULL,
    message_id BIGINT,
    verdict TEXT NOT NULL,
    PRIMARY KEY (shop_id, order_id)
);

-- One day of one shop in figures; recomputed from the facts whenever one of them changes.
CREATE TABLE rollup (
    shop_id BIGINT NOT NULL,
    day BIGINT NOT NULL,
    metric TEXT NOT NULL,
    step BIGINT NOT NULL,
    currency TEXT NOT NULL,
    country TEXT NOT NULL,
    gateway_id BIGINT NOT NULL,
    value BIGINT NOT NULL,
    PRIMARY KEY (shop_id, day, metric, step, currency, country, gateway_id)
);

CREATE TABLE alarm (
    shop_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    raised_at BIGINT NOT NULL,
    cleared_at BIGINT,
    words TEXT NOT NULL,
    PRIMARY KEY (shop_id, kind, subject)
);
