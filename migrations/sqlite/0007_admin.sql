-- The pair of ../postgres/0007_admin.sql: same tables, same columns, same checks.

-- People who are signed in to the admin pages. The token itself is not here: `digest` is its SHA-256 in hexadecimal.
CREATE TABLE sessions (
    digest     TEXT PRIMARY KEY NOT NULL,
    user_id    TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    -- When a page was asked for last, to within a minute.
    seen_at    INTEGER NOT NULL,
    -- Where the sign-in came from.
    address    TEXT NOT NULL,
    agent      TEXT NOT NULL
);
-- What ends a user's sessions, and the bound on their number.
CREATE INDEX sessions_user ON sessions (user_id, created_at);
-- The purge.
CREATE INDEX sessions_seen ON sessions (seen_at);

-- How much happened in each five minutes: kept by the triggers below, so that a chart of a million events reads a few
-- hundred rows. It tells what happened, not what is stored: retention takes nothing from it. What counts is the sum of a
-- key's rows; here it has one. It begins empty: what was before is not counted.
CREATE TABLE tallies (
    -- The first millisecond of the five minutes.
    bucket INTEGER NOT NULL,
    -- Empty for events.
    plugin TEXT NOT NULL,
    -- An event was received; an attempt succeeded or failed; a delivery was given up.
    what   TEXT NOT NULL CHECK (what IN ('received', 'succeeded', 'failed', 'dead')),
    count  INTEGER NOT NULL,
    PRIMARY KEY (bucket, plugin, what)
);

CREATE TRIGGER events_tally AFTER INSERT ON events BEGIN
    INSERT INTO tallies (bucket, plugin, what, count) VALUES (NEW.received_at / 300000 * 300000, '', 'received', 1)
    ON CONFLICT (bucket, plugin, what) DO UPDATE SET count = count + 1;
END;
-- A deferral costs no attempt and says nothing of success.
CREATE TRIGGER attempts_tally AFTER INSERT ON attempts WHEN NEW.outcome <> 'deferred' BEGIN
    INSERT INTO tallies (bucket, plugin, what, count)
    SELECT NEW.started_at / 300000 * 300000, d.plugin,
           CASE NEW.outcome WHEN 'succeeded' THEN 'succeeded' ELSE 'failed' END, 1
    FROM deliveries d WHERE d.id = NEW.delivery_id
    ON CONFLICT (bucket, plugin, what) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER deliveries_tally AFTER UPDATE OF state ON deliveries
WHEN NEW.state = 'dead' AND OLD.state <> 'dead' BEGIN
    INSERT INTO tallies (bucket, plugin, what, count)
    VALUES (COALESCE(NEW.finished_at, NEW.created_at) / 300000 * 300000, NEW.plugin, 'dead', 1)
    ON CONFLICT (bucket, plugin, what) DO UPDATE SET count = count + 1;
END;

-- The newest attempts of all plugins: how long deliveries take.
CREATE INDEX attempts_started ON attempts (started_at);

-- Schedules that a person has paused: they make no ticks until somebody lets them go on. Apart from `schedules`, which
-- forgets what plugins.toml does not have for a moment.
CREATE TABLE schedule_pauses (
    plugin    TEXT NOT NULL,
    schedule  TEXT NOT NULL,
    paused_at INTEGER NOT NULL,
    paused_by TEXT NOT NULL,
    PRIMARY KEY (plugin, schedule)
);
