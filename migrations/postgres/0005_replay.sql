-- The pair of ../sqlite/0005_replay.sql: same tables, same columns, same checks.

-- How many deliveries each plugin has in each state, and events each source in each status: exact, kept by the
-- triggers below, so that no path can forget it. What counts is the sum of a key's rows: changes are only
-- appended, so that no two transactions wait for one row, and folded in the background.
CREATE TABLE delivery_counts (
    plugin TEXT COLLATE "C" NOT NULL,
    state  TEXT COLLATE "C" NOT NULL,
    count  BIGINT NOT NULL
);
CREATE TABLE event_counts (
    source TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    count  BIGINT NOT NULL
);

CREATE FUNCTION count_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO delivery_counts (plugin, state, count)
        SELECT plugin, state, COUNT(*) FROM added GROUP BY plugin, state;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO delivery_counts (plugin, state, count)
        SELECT plugin, state, -COUNT(*) FROM removed GROUP BY plugin, state;
    ELSE
        INSERT INTO delivery_counts (plugin, state, count)
        SELECT plugin, state, SUM(change)
        FROM (SELECT plugin, state, 1 AS change FROM added
              UNION ALL SELECT plugin, state, -1 FROM removed) AS changes
        GROUP BY plugin, state HAVING SUM(change) <> 0;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER deliveries_count_added AFTER INSERT ON deliveries
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_deliveries();
CREATE TRIGGER deliveries_count_removed AFTER DELETE ON deliveries
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION count_deliveries();
CREATE TRIGGER deliveries_count_changed AFTER UPDATE ON deliveries
    REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_deliveries();

CREATE FUNCTION count_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO event_counts (source, status, count)
        SELECT source, status, COUNT(*) FROM added GROUP BY source, status;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO event_counts (source, status, count)
        SELECT source, status, -COUNT(*) FROM removed GROUP BY source, status;
    ELSE
        INSERT INTO event_counts (source, status, count)
        SELECT source, status, SUM(change)
        FROM (SELECT source, status, 1 AS change FROM added
              UNION ALL SELECT source, status, -1 FROM removed) AS changes
        GROUP BY source, status HAVING SUM(change) <> 0;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER events_count_added AFTER INSERT ON events
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_events();
CREATE TRIGGER events_count_removed AFTER DELETE ON events
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION count_events();
CREATE TRIGGER events_count_changed AFTER UPDATE ON events
    REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_events();

-- What is there. After the triggers, since to create them keeps writers out: so nothing is written that neither counts.
INSERT INTO delivery_counts (plugin, state, count)
SELECT plugin, state, COUNT(*) FROM deliveries GROUP BY plugin, state;
INSERT INTO event_counts (source, status, count)
SELECT source, status, COUNT(*) FROM events GROUP BY source, status;

-- Many deliveries or events that one order of a person replays or discards, in batches that move the cursor on in the
-- transaction that does the work.
CREATE TABLE replays (
    id              TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    kind            TEXT COLLATE "C" NOT NULL CHECK (kind IN ('replay', 'discard')),
    about           TEXT COLLATE "C" NOT NULL CHECK (about IN ('deliveries', 'events')),
    -- Which of them, as JSON; only those that were so when the order was given.
    filter          TEXT NOT NULL,
    -- Where the replays go, when not to the plugin of each: names with commas between, or "all" for those whose
    -- routes want the event.
    to_plugins      TEXT COLLATE "C",
    note            TEXT,
    rate_per_minute BIGINT NOT NULL,
    state           TEXT COLLATE "C" NOT NULL CHECK (state IN ('running', 'done', 'cancelled')),
    -- How many matched at the beginning; a lower bound when it is not exact.
    total           BIGINT NOT NULL,
    total_exact     BOOLEAN NOT NULL,
    made            BIGINT NOT NULL,
    -- Matched, and left alone: still on their way, nobody to take them, or not to be sent twice.
    skipped         BIGINT NOT NULL,
    -- The last delivery or event that was looked at; of an event also when it came.
    cursor_id       TEXT COLLATE "C",
    cursor_at       BIGINT,
    -- When the newest event came that was there when the order was given; none for an order about deliveries.
    newest_at       BIGINT,
    -- When the next batch is due, by the database's clock: what holds the rate over all nodes.
    next_at         BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    created_by      TEXT NOT NULL,
    finished_at     BIGINT,
    cancelled_by    TEXT
);
-- The next batch that is due. As small as what runs.
CREATE INDEX replays_running ON replays (next_at, id) WHERE state = 'running';

-- What people did to a delivery.
CREATE TABLE delivery_acts (
    id          TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    delivery_id TEXT COLLATE "C" NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    kind        TEXT COLLATE "C" NOT NULL CHECK (kind IN ('replayed', 'edited', 'discarded', 'succeeded', 'retried', 'given-up')),
    actor       TEXT NOT NULL,
    at          BIGINT NOT NULL,
    note        TEXT
);
-- The acts on a delivery, oldest first.
CREATE INDEX delivery_acts_delivery ON delivery_acts (delivery_id, id);

-- The order that made this replay. Whatever happens, it brings a delivery, or else an event, to a plugin once at most.
ALTER TABLE deliveries ADD COLUMN replay_job TEXT COLLATE "C" REFERENCES replays (id) ON DELETE SET NULL;
CREATE UNIQUE INDEX deliveries_replay_job
    ON deliveries (replay_job, COALESCE(replay_of, event_id), plugin) WHERE replay_job IS NOT NULL;
-- The lists of what is in trouble, of all plugins and of one. Partial, so that a delivery that just
-- succeeds never touches them.
CREATE INDEX deliveries_trouble ON deliveries (state, id)
    WHERE state IN ('retrying', 'deferred', 'dead', 'cancelled', 'unknown');
CREATE INDEX deliveries_plugin_trouble ON deliveries (plugin, state, id)
    WHERE state IN ('retrying', 'deferred', 'dead', 'cancelled', 'unknown');

-- The event that this one was made from by a person who changed its payload.
ALTER TABLE events ADD COLUMN edited_from TEXT COLLATE "C" REFERENCES events (id) ON DELETE SET NULL;
-- Deleting an event finds what was made from it.
CREATE INDEX events_edited ON events (edited_from) WHERE edited_from IS NOT NULL;
