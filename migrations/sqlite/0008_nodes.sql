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
