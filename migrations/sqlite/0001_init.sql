-- The pair of ../postgres/0001_init.sql: same tables, same columns, same checks.
-- Ids are UUIDs as text; moments and spans are whole milliseconds; JSON is text.

CREATE TABLE users (
    id            TEXT PRIMARY KEY NOT NULL,
    username      TEXT NOT NULL,
    -- The username in lower case: unique without regard to case, and the order of lists.
    username_key  TEXT NOT NULL UNIQUE,
    email         TEXT NOT NULL,
    first_name    TEXT NOT NULL,
    last_name     TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    is_staff      BOOLEAN NOT NULL,
    is_active     BOOLEAN NOT NULL,
    date_joined   INTEGER NOT NULL,
    last_login    INTEGER
);

CREATE TABLE refresh_tokens (
    id         TEXT PRIMARY KEY NOT NULL,
    family     TEXT NOT NULL,
    user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    issued_at  INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    -- When it was traded for its successor.
    used_at    INTEGER,
    revoked_at INTEGER
);
-- Revoking a family finds its tokens.
CREATE INDEX refresh_tokens_family ON refresh_tokens (family);
-- A new password revokes the user's tokens; deleting a user finds them.
CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id);
-- The purge takes the oldest first.
CREATE INDEX refresh_tokens_expires ON refresh_tokens (expires_at);

-- Who has sent events: a row comes with a source's first event.
CREATE TABLE sources (
    name          TEXT PRIMARY KEY NOT NULL,
    first_seen_at INTEGER NOT NULL
);

CREATE TABLE events (
    id                TEXT PRIMARY KEY NOT NULL,
    kind              TEXT NOT NULL CHECK (kind IN ('webhook', 'schedule', 'action')),
    source            TEXT NOT NULL REFERENCES sources (name),
    event_type        TEXT NOT NULL,
    headers           TEXT NOT NULL,
    content_type      TEXT NOT NULL,
    body              BLOB NOT NULL,
    -- The payload's bytes inside the body, when it came in an envelope: from start up to end.
    payload_start     INTEGER,
    payload_end       INTEGER,
    received_at       INTEGER NOT NULL,
    processed_at      INTEGER,
    status            TEXT NOT NULL CHECK (status IN ('pending', 'processing', 'processed', 'failed')),
    error_message     TEXT,
    owner_id          TEXT REFERENCES users (id) ON DELETE SET NULL,
    -- Deliveries that are not finished, and finished ones that did not succeed: the status follows
    -- from these two in the transaction that changes them.
    open_deliveries   INTEGER NOT NULL CHECK (open_deliveries >= 0),
    failed_deliveries INTEGER NOT NULL CHECK (failed_deliveries >= 0),
    CHECK ((payload_start IS NULL) = (payload_end IS NULL))
);
-- The list of all events, newest or oldest first.
CREATE INDEX events_received ON events (received_at, id);
-- The same list for a user who sees only their own; deleting a user finds their events.
CREATE INDEX events_owner ON events (owner_id, received_at, id);
-- The same list of one source.
CREATE INDEX events_source ON events (source, received_at, id);
-- The same list of one status: what failed, what is stuck.
CREATE INDEX events_status ON events (status, received_at, id);

CREATE TABLE deliveries (
    id          TEXT PRIMARY KEY NOT NULL,
    event_id    TEXT NOT NULL REFERENCES events (id) ON DELETE CASCADE,
    plugin      TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('pending', 'claimed', 'running', 'succeeded', 'retrying',
                                               'deferred', 'dead', 'cancelled', 'unknown')),
    attempts    INTEGER NOT NULL,
    due_at      INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    -- When the started mark of the present claim was made.
    started_at  INTEGER,
    finished_at INTEGER,
    last_error  TEXT,
    -- The present claim: its proof, its end by the database's clock, and the process that holds it.
    lease_token TEXT,
    lease_until INTEGER,
    lease_node  TEXT,
    -- The delivery that this one repeats because a person asked for it.
    replay_of   TEXT REFERENCES deliveries (id) ON DELETE CASCADE,
    -- A batch it was in failed as a whole: it shares no call from then on.
    alone       BOOLEAN NOT NULL DEFAULT FALSE,
    CHECK ((state IN ('claimed', 'running')) = (lease_token IS NOT NULL)),
    CHECK ((lease_token IS NULL) = (lease_until IS NULL))
);
-- The claim: what waits for one plugin, in order of its due time. Partial, so that it stays as
-- small as the backlog whatever the history.
CREATE INDEX deliveries_claim ON deliveries (plugin, due_at, id)
    WHERE state IN ('pending', 'retrying', 'deferred');
-- The sweep: leases that have ended. As small as what is in flight.
CREATE INDEX deliveries_lease ON deliveries (lease_until)
    WHERE state IN ('claimed', 'running');
-- The deliveries of an event in order of plugin, and the list filter by plugin. An event makes one
-- delivery per plugin; a person may ask for any number of replays, which only their ids tell apart.
CREATE UNIQUE INDEX deliveries_event
    ON deliveries (event_id, plugin, (CASE WHEN replay_of IS NULL THEN '' ELSE id END));
-- Deleting a delivery finds its replays.
CREATE INDEX deliveries_replays ON deliveries (replay_of) WHERE replay_of IS NOT NULL;

CREATE TABLE attempts (
    id          TEXT PRIMARY KEY NOT NULL,
    delivery_id TEXT NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    number      INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    outcome     TEXT NOT NULL CHECK (outcome IN ('succeeded', 'retry', 'deferred', 'rejected', 'trapped',
                                                 'limit', 'host', 'interrupted', 'unknown')),
    summary     TEXT,
    output      TEXT,
    error       TEXT,
    logs        TEXT NOT NULL,
    calls       TEXT NOT NULL,
    generation  INTEGER,
    digest      TEXT,
    -- The call that it shared with other deliveries, and how many they were.
    batch_id    TEXT,
    batch_size  INTEGER
);
-- The attempts of a delivery, oldest first.
CREATE INDEX attempts_delivery ON attempts (delivery_id, number, started_at);

CREATE TABLE processes (
    id         TEXT PRIMARY KEY NOT NULL,
    code       TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    script     TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);

-- What each process was: a row for every change, and one without a script for its removal. They
-- outlive the process.
CREATE TABLE process_versions (
    process_id TEXT NOT NULL,
    version    INTEGER NOT NULL,
    code       TEXT NOT NULL,
    name       TEXT NOT NULL,
    script     TEXT,
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (process_id, version)
);
-- The versions of a code, newest first.
CREATE INDEX process_versions_code ON process_versions (code, changed_at, version);

-- Rows taken over from the service before, and the digest of each as it was then: tells a change there from one here.
CREATE TABLE imported_rows (
    id     TEXT PRIMARY KEY NOT NULL,
    digest TEXT NOT NULL
);

-- The schedules in force, and up to when their moments have been dealt with.
CREATE TABLE schedules (
    plugin   TEXT NOT NULL,
    schedule TEXT NOT NULL,
    -- Expression and time zone: another one begins anew and catches nothing up.
    rule     TEXT NOT NULL,
    since    INTEGER NOT NULL,
    PRIMARY KEY (plugin, schedule)
);

-- Moments of schedules: the key makes each tick once, however many nodes see it.
CREATE TABLE schedule_runs (
    plugin      TEXT NOT NULL,
    schedule    TEXT NOT NULL,
    planned_at  INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    outcome     TEXT NOT NULL CHECK (outcome IN ('made', 'manual', 'skipped', 'missed')),
    event_id    TEXT REFERENCES events (id) ON DELETE SET NULL,
    PRIMARY KEY (plugin, schedule, planned_at)
);
-- Deleting an event finds the tick it came from.
CREATE INDEX schedule_runs_event ON schedule_runs (event_id);

-- Keys are bytes: any text fits, and both databases list them in byte order.
CREATE TABLE plugin_state (
    plugin  TEXT NOT NULL,
    key     BLOB NOT NULL,
    value   BLOB NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (plugin, key)
);

-- What each plugin keeps, changed in the transactions that change its entries: the quota is checked at every write.
CREATE TABLE plugin_state_usage (
    plugin TEXT PRIMARY KEY NOT NULL,
    keys   INTEGER NOT NULL,
    bytes  INTEGER NOT NULL
);

-- Secrets set from the command line: a nonce and the sealed value. The key is not in the database.
CREATE TABLE stored_secrets (
    name       TEXT PRIMARY KEY NOT NULL,
    key_id     TEXT NOT NULL,
    sealed     BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);

-- Requests that were refused before they became events, for the operator who asks why.
CREATE TABLE rejected_requests (
    id             TEXT PRIMARY KEY NOT NULL,
    received_at    INTEGER NOT NULL,
    source         TEXT,
    remote_address TEXT,
    http_status    INTEGER NOT NULL,
    reason         TEXT NOT NULL,
    headers        TEXT NOT NULL,
    body_bytes     INTEGER NOT NULL
);
-- The list, newest first, and the purge, oldest first.
CREATE INDEX rejected_requests_received ON rejected_requests (received_at, id);

-- The processes that share this database. Times are the database's own.
CREATE TABLE nodes (
    id             TEXT PRIMARY KEY NOT NULL,
    host           TEXT NOT NULL,
    version        TEXT NOT NULL,
    -- SHA-256 of its plugins.toml.
    plugins_digest TEXT,
    -- JSON: the builds that serve on it, by plugin.
    builds         TEXT NOT NULL,
    started_at     INTEGER NOT NULL,
    seen_at        INTEGER NOT NULL
);
