-- The pair of ../postgres/0002_access.sql: same tables, same columns, same checks.

-- What an account may do. Who was staff could do everything there was to do.
ALTER TABLE users ADD COLUMN role TEXT NOT NULL DEFAULT 'sender'
    CHECK (role IN ('admin', 'operator', 'viewer', 'sender'));
UPDATE users SET role = 'admin' WHERE is_staff;
ALTER TABLE users DROP COLUMN is_staff;
-- Access tokens issued up to then are refused.
ALTER TABLE users ADD COLUMN signed_out_at INTEGER;

-- Keys that programs send with. The key itself is not here: `digest` is its SHA-256.
CREATE TABLE api_keys (
    id           TEXT PRIMARY KEY NOT NULL,
    digest       BLOB NOT NULL,
    name         TEXT NOT NULL,
    owner_id     TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- A JSON list of globs; empty: all sources.
    sources      TEXT NOT NULL,
    -- In place of the limit for all keys, such as 600/min.
    rate         TEXT,
    created_at   INTEGER NOT NULL,
    created_by   TEXT NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    revoked_by   TEXT,
    last_used_at INTEGER,
    CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);
-- The list, newest first.
CREATE INDEX api_keys_created ON api_keys (created_at, id);
-- Deleting a user finds their keys.
CREATE INDEX api_keys_owner ON api_keys (owner_id);

-- Every change by a person. Rows stand alone: they outlive what they tell of.
CREATE TABLE audit_log (
    id         TEXT PRIMARY KEY NOT NULL,
    at         INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    role       TEXT CHECK (role IN ('admin', 'operator', 'viewer', 'sender')),
    via        TEXT NOT NULL CHECK (via IN ('http', 'cli')),
    address    TEXT,
    action     TEXT NOT NULL,
    target     TEXT NOT NULL,
    -- A JSON object.
    detail     TEXT NOT NULL,
    request_id TEXT
);
-- The list, newest first, and the purge, oldest first.
CREATE INDEX audit_log_at ON audit_log (at, id);
-- The same list of one person, one action, one target.
CREATE INDEX audit_log_actor ON audit_log (actor, at, id);
CREATE INDEX audit_log_action ON audit_log (action, at, id);
CREATE INDEX audit_log_target ON audit_log (target, at, id);
