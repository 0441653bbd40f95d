-- The pair of ../sqlite/0007_admin.sql: same tables, same columns, same checks.

-- People who are signed in to the admin pages. The token itself is not here: `digest` is its SHA-256 in hexadecimal.
CREATE TABLE sessions (
    digest     TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    user_id    TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    -- When a page was asked for last, to within a minute.
    seen_at    BIGINT NOT NULL,
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
-- key's rows: changes are only appended, so that no two transactions wait for one row, and folded in the background. It
-- begins empty: what was before is not counted.
CREATE TABLE tallies (
    -- The first millisecond of the five minutes.
    bucket BIGINT NOT NULL,
    -- Empty for events.
    plugin TEXT COLLATE "C" NOT NULL,
    -- An event was received; an attempt succeeded or failed; a delivery was given up.
    what   TEXT COLLATE "C" NOT NULL CHECK (what IN ('received', 'succeeded', 'failed', 'dead')),
    count  BIGINT NOT NULL
);
-- A span of time, for the chart, the fold and the purge.
CREATE INDEX tallies_bucket ON tallies (bucket);

CREATE FUNCTION tally_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tallies (bucket, plugin, what, count)
    SELECT received_at / 300000 * 300000, '', 'received', COUNT(*) FROM added GROUP BY 1;
    RETURN NULL;
END $$;
CREATE TRIGGER events_tally AFTER INSERT ON events
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION tally_events();

-- A deferral costs no attempt and says nothing of success.
CREATE FUNCTION tally_attempts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tallies (bucket, plugin, what, count)
    SELECT a.started_at / 300000 * 300000, d.plugin,
           CASE a.outcome WHEN 'succeeded' THEN 'succeeded' ELSE 'failed' END, COUNT(*)
    FROM added a JOIN deliveries d ON d.id = a.delivery_id
    WHERE a.outcome <> 'deferred' GROUP BY 1, 2, 3;
    RETURN NULL;
END $$;
CREATE TRIGGER attempts_tally AFTER INSERT ON attempts
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION tally_attempts();

CREATE FUNCTION tally_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tallies (bucket, plugin, what, count)
    SELECT COALESCE(a.finished_at, a.created_at) / 300000 * 300000, a.plugin, 'dead', COUNT(*)
    FROM added a JOIN removed r ON r.id = a.id
    WHERE a.state = 'dead' AND r.state <> 'dead' GROUP BY 1, 2;
    RETURN NULL;
END $$;
CREATE TRIGGER deliveries_tally AFTER UPDATE ON deliveries
    REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION tally_deliveries();

-- The newest attempts of all plugins: how long deliveries take.
CREATE INDEX attempts_started ON attempts (started_at);

-- Schedules that a person has paused: they make no ticks until somebody lets them go on. Apart from `schedules`, which
-- forgets what plugins.toml does not have for a moment.
CREATE TABLE schedule_pauses (
    plugin    TEXT COLLATE "C" NOT NULL,
    schedule  TEXT COLLATE "C" NOT NULL,
    paused_at BIGINT NOT NULL,
    paused_by TEXT NOT NULL,
    PRIMARY KEY (plugin, schedule)
);
