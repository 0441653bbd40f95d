-- The pair of ../sqlite/0008_ops.sql: same tables, same columns, same checks.

-- The sender's place in a trace (W3C Trace Context, `traceparent`), or ours: what deliveries go on from. NULL where
-- nobody traces.
ALTER TABLE events ADD COLUMN trace_parent TEXT COLLATE "C";

-- Which of the work a node does.
ALTER TABLE nodes ADD COLUMN role TEXT COLLATE "C" NOT NULL DEFAULT 'all'
    CHECK (role IN ('all', 'intake', 'worker', 'scheduler'));

-- How far `hookyard db copy` into this database has come: a row for each table that was begun, gone once all is there
-- and verified. While there are any, no server starts on it.
CREATE TABLE copy_progress (
    table_name  TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    -- A digest of which database is copied: another one is refused.
    source      TEXT COLLATE "C" NOT NULL,
    -- JSON: the key of the last row that is here, NULL before the first.
    last_key    TEXT,
    copied_rows BIGINT NOT NULL,
    done        BOOLEAN NOT NULL
);
