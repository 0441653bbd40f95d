-- Purges a partition of `events` that partition-events.sql or somebody after it has made, while the nodes run. Everything in
-- it goes with its deliveries and attempts; it must hold nothing that is unfinished.
--
--   psql "$DATABASE_URL" -v ON_ERROR_STOP=1 -v partition=events_2026_08 -f detach-events.sql
BEGIN;
SET LOCAL lock_timeout = '10s';
SELECT count(*) > 0 AS unfinished FROM :"partition" WHERE open_deliveries > 0 \gset
\if :unfinished
    \warn the partition holds events that are not finished
    ROLLBACK;
    \quit
\endif

-- What refers to it. Attempts and acts go with their deliveries; this is most of the work, and why deliveries of old events
-- are better purged by `[retention]` beforehand, in small steps.
DELETE FROM deliveries WHERE event_id IN (SELECT id FROM :"partition");
UPDATE schedule_runs SET event_id = NULL WHERE event_id IN (SELECT id FROM :"partition");
UPDATE events SET edited_from = NULL WHERE edited_from IN (SELECT id FROM :"partition");

ALTER TABLE events DETACH PARTITION :"partition";
-- No trigger sees rows that leave with their table.
INSERT INTO event_counts (source, status, count)
    SELECT source, status, -count(*) FROM :"partition" GROUP BY source, status;
DROP TABLE :"partition";
COMMIT;
