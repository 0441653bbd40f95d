-- The pair of ../postgres/0006_sources.sql: senders that prove themselves, and events that are taken once.

-- Keys under which an event is taken once: a provider's delivery id, or a sender's Idempotency-Key.
CREATE TABLE once_keys (
    -- Whose key it is.
    scope      TEXT NOT NULL,
    once_key   TEXT NOT NULL,
    -- The event that came first. It may be gone before the key is.
    event_id   TEXT NOT NULL,
    -- What was answered then.
    status     TEXT NOT NULL CHECK (status IN ('pending', 'processing', 'processed', 'failed')),
    -- SHA-256 of what an Idempotency-Key was sent with.
    digest     TEXT,
    seen_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (scope, once_key)
);
-- The purge takes the oldest first.
CREATE INDEX once_keys_expires ON once_keys (expires_at);

-- Which check failed, and what it takes to judge the request again.
ALTER TABLE rejected_requests ADD COLUMN check_failed TEXT NOT NULL DEFAULT 'signature'
    CHECK (check_failed IN ('missing', 'malformed', 'timestamp', 'no-secret', 'signature', 'credential',
                            'coverage', 'body'));
ALTER TABLE rejected_requests ADD COLUMN method TEXT NOT NULL DEFAULT 'POST';
-- Path and query, without a token.
ALTER TABLE rejected_requests ADD COLUMN target TEXT NOT NULL DEFAULT '/';
ALTER TABLE rejected_requests ADD COLUMN content_type TEXT NOT NULL DEFAULT 'application/json';
-- SHA-256 of the token, key or password that was presented.
ALTER TABLE rejected_requests ADD COLUMN credential TEXT;
-- NULL, and so is kept_bytes, where it was too large to be kept.
ALTER TABLE rejected_requests ADD COLUMN body BLOB;
ALTER TABLE rejected_requests ADD COLUMN kept_bytes INTEGER;
-- The key that headers and body are sealed under; NULL where they are in clear.
ALTER TABLE rejected_requests ADD COLUMN key_id TEXT;
-- What it became when a person accepted it.
ALTER TABLE rejected_requests ADD COLUMN accepted_event_id TEXT;
ALTER TABLE rejected_requests ADD COLUMN accepted_at INTEGER;
ALTER TABLE rejected_requests ADD COLUMN accepted_by TEXT;
-- The list of one source, newest first.
CREATE INDEX rejected_requests_source ON rejected_requests (source, received_at, id);
