-- Makes `events` a table of native partitions by time: docs/scaling.md says when, and what it costs. All nodes are stopped
-- while this runs; it is one transaction. Ids of events are UUIDv7, so a range of ids is a range of time, and the
-- primary key stays what it is.
--
--   psql "$DATABASE_URL" -v ON_ERROR_STOP=1 -f partition-events.sql
BEGIN;
SET LOCAL lock_timeout = '10s';

-- Where ids of a moment begin: 48 bits of milliseconds, as the first 12 hexadecimal digits.
CREATE FUNCTION event_id_from(moment timestamptz) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT substr(digits, 1, 8) || '-' || substr(digits, 9, 4)
    FROM (SELECT lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') AS digits) AS d
$$;

ALTER TABLE deliveries DROP CONSTRAINT deliveries_event_id_fkey;
ALTER TABLE schedule_runs DROP CONSTRAINT schedule_runs_event_id_fkey;
ALTER TABLE events DROP CONSTRAINT events_edited_from_fkey;
ALTER TABLE events RENAME TO events_before;
ALTER INDEX events_pkey RENAME TO events_before_pkey;
ALTER INDEX events_edited RENAME TO events_before_edited;
ALTER INDEX events_owner RENAME TO events_before_owner;
ALTER INDEX events_received RENAME TO events_before_received;
ALTER INDEX events_source RENAME TO events_before_source;
ALTER INDEX events_status RENAME TO events_before_status;

CREATE TABLE events (LIKE events_before INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY RANGE (id);
ALTER TABLE events ADD CONSTRAINT events_pkey PRIMARY KEY (id);
ALTER TABLE events ADD CONSTRAINT events_owner_id_fkey
    FOREIGN KEY (owner_id) REFERENCES users (id) ON DELETE SET NULL;
ALTER TABLE events ADD CONSTRAINT events_source_fkey FOREIGN KEY (source) REFERENCES sources (name);
CREATE INDEX events_edited ON events (edited_from) WHERE edited_from IS NOT NULL;
CREATE INDEX events_owner ON events (owner_id, received_at, id);
CREATE INDEX events_received ON events (received_at, id);
CREATE INDEX events_source ON events (source, received_at, id);
CREATE INDEX events_status ON events (status, received_at, id);

-- What is there becomes one partition, up to the beginning of next month. Its indexes are taken over, not made anew.
DO $$
DECLARE
    next_month timestamptz := date_trunc('month', now()) + interval '1 month';
BEGIN
    EXECUTE format('ALTER TABLE events ATTACH PARTITION events_before FOR VALUES FROM (MINVALUE) TO (%L)',
                   event_id_from(next_month));
    FOR months IN 0..2 LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF events FOR VALUES FROM (%L) TO (%L)',
                       'events_' || to_char(next_month + months * interval '1 month', 'YYYY_MM'),
                       event_id_from(next_month + months * interval '1 month'),
                       event_id_from(next_month + (months + 1) * interval '1 month'));
    END LOOP;
END $$;
-- Ids that follow from nothing of the time, such as those of an import, and whatever comes when nobody made a partition.
CREATE TABLE events_other PARTITION OF events DEFAULT;

-- The counters: statements name the whole table from now on.
DROP TRIGGER events_count_added ON events_before;
DROP TRIGGER events_count_changed ON events_before;
DROP TRIGGER events_count_removed ON events_before;
CREATE TRIGGER events_count_added AFTER INSERT ON events
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_events();
CREATE TRIGGER events_count_changed AFTER UPDATE ON events
    REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_events();
CREATE TRIGGER events_count_removed AFTER DELETE ON events
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION count_events();

ALTER TABLE events ADD CONSTRAINT events_edited_from_fkey
    FOREIGN KEY (edited_from) REFERENCES events (id) ON DELETE SET NULL;
ALTER TABLE deliveries ADD CONSTRAINT deliveries_event_id_fkey
    FOREIGN KEY (event_id) REFERENCES events (id) ON DELETE CASCADE;
ALTER TABLE schedule_runs ADD CONSTRAINT schedule_runs_event_id_fkey
    FOREIGN KEY (event_id) REFERENCES events (id) ON DELETE SET NULL;
COMMIT;
