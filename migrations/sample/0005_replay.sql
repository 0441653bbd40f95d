-- Rows put into a database after step 0005, in tests: every later step must carry them over.
-- One text for both databases.
INSERT INTO replays (id, kind, about, filter, to_plugins, note, rate_per_minute, state, total, total_exact, made, skipped,
                     cursor_id, next_at, created_at, created_by, finished_at, cancelled_by)
VALUES ('018f0000-0000-7000-8000-000000000020', 'replay', 'deliveries', '{"plugin":"slack-webhook","state":"dead"}', NULL,
        'the vendor is back', 600, 'cancelled', 2, TRUE, 1, 0, '018f0000-0000-7000-8000-000000000005',
        1750000000000, 1750000000000, 'ada', 1750000000500, 'bob');
INSERT INTO delivery_acts (id, delivery_id, kind, actor, at, note)
VALUES ('018f0000-0000-7000-8000-000000000021', '018f0000-0000-7000-8000-00000000000a', 'replayed', 'ada',
        1750000000000, 'the vendor is back');
UPDATE deliveries SET replay_job = '018f0000-0000-7000-8000-000000000020'
WHERE id = '018f0000-0000-7000-8000-00000000000a';
