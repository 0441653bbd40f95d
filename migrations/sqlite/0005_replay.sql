-- The pair of ../postgres/0005_replay.sql: same tables, same columns, same checks.

-- How many deliveries each plugin has in each state, and events each source in each status: exact, kept by the
-- triggers below, so that no path can forget it. What counts is the sum of a key's rows; here it has one.
CREATE TABLE delivery_counts (
    plugin TEXT NOT NULL,
    state  TEXT NOT NULL,
    count  INTEGER NOT NULL,
    PRIMARY KEY (plugin, state)
);
CREATE TABLE event_counts (
    source TEXT NOT NULL,
    status TEXT NOT NULL,
    count  INTEGER NOT NULL,
    PRIMARY KEY (source, status)
);

CREATE TRIGGER deliveries_count_added AFTER INSERT ON deliveries BEGIN
    INSERT INTO delivery_counts (plugin, state, count) VALUES (NEW.plugin, NEW.state, 1)
    ON CONFLICT (plugin, state) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER deliveries_count_removed AFTER DELETE ON deliveries BEGIN
    UPDATE delivery_counts SET count = count - 1 WHERE plugin = OLD.plugin AND state = OLD.state;
END;
CREATE TRIGGER deliveries_count_changed AFTER UPDATE OF plugin, state ON deliveries
WHEN OLD.state <> NEW.state OR OLD.plugin <> NEW.plugin BEGIN
    UPDATE delivery_counts SET count = count - 1 WHERE plugin = OLD.plugin AND state = OLD.state;
    INSERT INTO delivery_counts (plugin, state, count) VALUES (NEW.plugin, NEW.state, 1)
    ON CONFLICT (plugin, state) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER events_count_added AFTER INSERT ON events BEGIN
    INSERT INTO event_counts (source, status, count) VALUES (NEW.source, NEW.status, 1)
    ON CONFLICT (source, status) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER events_count_removed AFTER DELETE ON events BEGIN
    UPDATE event_counts SET count = count - 1 WHERE source = OLD.source AND status = OLD.status;
END;
CREATE TRIGGER events_count_changed AFTER UPDATE OF source, status ON events
WHEN OLD.status <> NEW.status OR OLD.source <> NEW.source BEGIN
    UPDATE event_counts SET count = count - 1 WHERE source = OLD.source AND status = OLD.status;
    INSERT INTO event_counts (source, status, count) VALUES (NEW.source, NEW.status, 1)
    ON CONFLICT (source, status) DO UPDATE SET count = count + 1;
END;

-- What is there.
INSERT INTO delivery_counts (plugin, state, count)
SELECT plugin, state, COUNT(*) FROM deliveries GROUP BY plugin, state;
INSERT INTO event_counts (source, status, count)
SELECT source, status, COUNT(*) FROM events GROUP BY source, status;

-- Many deliveries or events that one order of a person replays or discards, in batches that move the cursor on in the
-- transaction that does the work.
CREATE TABLE replays (
    id              TEXT PRIMARY KEY NOT NULL,
    kind            TEXT NOT NULL CHECK (kind IN ('replay', 'discard')),
    about           TEXT NOT NULL CHECK (about IN ('deliveries', 'events')),
    -- Which of them, as JSON; only those that were so when the order was given.
    filter          TEXT NOT NULL,
    -- Where the replays go, when not to the plugin of each: names with commas between, or "all" for those whose
    -- routes want the event.
    to_plugins      TEXT,
    note            TEXT,
    rate_per_minute INTEGER NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('running', 'done', 'cancelled')),
    -- How many matched at the beginning; a lower bound when it is not exact.
    total           INTEGER NOT NULL,
    total_exact     BOOLEAN NOT NULL,
    made            INTEGER NOT NULL,
    -- Matched, and left alone: still on their way, nobody to take them, or not to be sent twice.
    skipped         INTEGER NOT NULL,
    -- The last delivery or event that was looked at; of an event also when it came.
    cursor_id       TEXT,
    cursor_at       INTEGER,
    -- When the newest event came that was there when the order was given; none for an order about deliveries.
    newest_at       INTEGER,
    -- When the next batch is due, by the database's clock: what holds the rate over all nodes.
    next_at         INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    created_by      TEXT NOT NULL,
    finished_at     INTEGER,
    cancelled_by    TEXT
);
-- The next batch that is due. As small as what runs.
CREATE INDEX replays_running ON replays (next_at, id) WHERE state = 'running';

-- What people did to a delivery.
CREATE TABLE delivery_acts (
    id          TEXT PRIMARY KEY NOT NULL,
    delivery_id TEXT NOT NULL REFERENCES deliveries (id) ON DELETE CASCADE,
    kind        TEXT NOT NULL CHECK (kind IN ('replayed', 'edited', 'discarded', 'succeeded', 'retried', 'given-up')),
    actor       TEXT NOT NULL,
    at          INTEGER NOT NULL,
    note        TEXT
);
-- The acts on a delivery, oldest first.
CREATE INDEX delivery_acts_delivery ON delivery_acts (delivery_id, id);

-- The order that made this replay. Whatever happens, it brings a delivery, or else an event, to a plugin once at most.
ALTER TABLE deliveries ADD COLUMN replay_job TEXT REFERENCES replays (id) ON DELETE SET NULL;
CREATE UNIQUE INDEX deliveries_replay_job
    ON deliveries (replay_job, COALESCE(replay_of, event_id), plugin) WHERE replay_job IS NOT NULL;
-- The lists of what is in trouble, of all plugins and of one. Partial, so that a delivery that just
-- succeeds never touches them.
CREATE INDEX deliveries_trouble ON deliveries (state, id)
    WHERE state IN ('retrying', 'deferred', 'dead', 'cancelled', 'unknown');
CREATE INDEX deliveries_plugin_trouble ON deliveries (plugin, state, id)
    WHERE state IN ('retrying', 'deferred', 'dead', 'cancelled', 'unknown');

-- The event that this one was made from by a person who changed its payload.
ALTER TABLE events ADD COLUMN edited_from TEXT REFERENCES events (id) ON DELETE SET NULL;
-- Deleting an event finds what was made from it.
CREATE INDEX events_edited ON events (edited_from) WHERE edited_from IS NOT NULL;
