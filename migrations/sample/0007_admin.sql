-- Rows put into a database after step 0007, in tests: every later step must carry them over.
-- One text for both databases.
INSERT INTO sessions (digest, user_id, created_at, seen_at, address, agent)
VALUES ('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', '018f0000-0000-7000-8000-000000000001',
        1750000000000, 1750000060000, '127.0.0.1', 'a browser');
INSERT INTO tallies (bucket, plugin, what, count)
VALUES (1749999900000, '', 'received', 3), (1749999900000, 'slack-webhook', 'succeeded', 2);
INSERT INTO schedule_pauses (plugin, schedule, paused_at, paused_by)
VALUES ('github-backup', '0 3 * * *', 1750000000000, 'Ada');
