-- Our books against the shop's: runs that fetch or compare orders, what they found, and a shop's own limits. Expand only.

-- A run goes through the shop's orders page by page and survives a restart: `compare` looks, `heal` fetches what changed
-- while webhooks were quiet, `fill` fetches what a comparison found.
CREATE TABLE audit_run (
    shop_id BIGINT NOT NULL,
    run_id BIGINT NOT NULL,
    purpose TEXT NOT NULL CHECK (purpose IN ('compare', 'heal', 'fill')),
    source TEXT NOT NULL CHECK (source IN ('api', 'file')),
    by_name TEXT NOT NULL,
    begun_at BIGINT NOT NULL,
    from_at BIGINT NOT NULL,
    to_at BIGINT NOT NULL,
    -- Where the next page begins; "" for the first one.
    place TEXT NOT NULL DEFAULT '',
    pages BIGINT NOT NULL DEFAULT 0,
    done BIGINT NOT NULL DEFAULT 0,
    -- 0 where nobody tells.
    total BIGINT NOT NULL DEFAULT 0,
    -- Calls that failed one after the other.
    failures BIGINT NOT NULL DEFAULT 0,
    ended_at BIGINT,
    cancelled_at BIGINT,
    -- Why it ended before its end.
    problem TEXT NOT NULL DEFAULT '',
    -- What came out, as JSON; "" before the end and for runs that compare nothing.
    outcome TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (shop_id, run_id)
);

-- The shop's side of a comparison under way; forgotten when it ends. Names nobody.
CREATE TABLE audit_line (
    shop_id BIGINT NOT NULL,
    run_id BIGINT NOT NULL,
    external_id TEXT NOT NULL,
    told TEXT NOT NULL,
    PRIMARY KEY (shop_id, run_id, external_id)
);

-- One difference, however many runs saw it. Names nobody: ids, numbers, amounts and moments of orders.
CREATE TABLE audit_finding (
    shop_id BIGINT NOT NULL,
    finding_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    -- When the order was placed, so that a run knows which findings it should have seen again.
    placed_at BIGINT NOT NULL,
    finding TEXT NOT NULL,
    first_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    run_id BIGINT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'mended', 'ignored')),
    state_at BIGINT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    by_name TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (shop_id, finding_id)
);
CREATE UNIQUE INDEX audit_finding_subject ON audit_finding (shop_id, kind, subject);
CREATE INDEX audit_finding_state ON audit_finding (shop_id, state, finding_id);

-- What a shop calls a small and a large gap, as JSON; without a row the defaults hold.
CREATE TABLE audit_limits (
    shop_id BIGINT NOT NULL PRIMARY KEY,
    limits TEXT NOT NULL
);
