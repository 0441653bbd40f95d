-- The pair of ../sqlite/0002_access.sql: same tables, same columns, same checks.

-- What an account may do. Who was staff could do everything there was to do.
ALTER TABLE users ADD COLUMN role TEXT COLLATE "C" NOT NULL DEFAULT 'sender'
    CHECK (role IN ('admin', 'operator', 'viewer', 'sender'));
UPDATE users SET role = 'admin' WHERE is_staff;
ALTER TABLE users DROP COLUMN is_staff;
-- Access tokens issued up to then are refused.
ALTER TABLE users ADD COLUMN signed_out_at BIGINT;

-- Keys that programs send with. The key itself is not here: `digest` is its SHA-256.
CREATE TABLE api_keys (
    id           TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    digest       BYTEA NOT NULL,
    name         TEXT NOT NULL,
    owner_id     TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- A JSON list of globs; empty: all sources.
    sources      TEXT NOT NULL,
    -- In place of the limit for all keys, such as 600/min.
    rate         TEXT,
    created_at   BIGINT NOT NULL,
    created_by   TEXT NOT NULL,
    expires_at   BIGINT,
    revoked_at   BIGINT,
    revoked_by   TEXT,
    last_used_at BIGINT,
    CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);
-- The list, newest first.
CREATE INDEX api_keys_created ON api_keys (created_at, id);
-- Deleting a user finds their keys.
CREATE INDEX api_keys_owner ON api_keys (owner_id);

-- Every change by a person. Rows stand alone: they outlive what they tell of.
CREATE TABLE audit_log (
    id         TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    at         BIGINT NOT NULL,
    actor      TEXT COLLATE "C" NOT NULL,
    role       TEXT COLLATE "C" CHECK (role IN ('admin', 'operator', 'viewer', 'sender')),
    via        TEXT COLLATE "C" NOT NULL CHECK (via IN ('http', 'cli')),
    address    TEXT,
    action     TEXT COLLATE "C" NOT NULL,
    target     TEXT COLLATE "C" NOT NULL,
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
