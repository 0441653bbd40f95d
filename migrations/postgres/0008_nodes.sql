-- The processes that share this database. Times are the database's own.
CREATE TABLE nodes (
    id             TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    host           TEXT NOT NULL,
    version        TEXT NOT NULL,
    -- SHA-256 of its plugins.toml.
    plugins_digest TEXT COLLATE "C",
    -- JSON: the builds that serve on it, by plugin.
    builds         TEXT NOT NULL,
    started_at     BIGINT NOT NULL,
    seen_at        BIGINT NOT NULL
);
