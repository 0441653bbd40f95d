-- Rows put into a database after step 0004, in tests: every later step must carry them over.
-- One text for both databases.
UPDATE events SET open_deliveries = open_deliveries + 2 WHERE id = '018f0000-0000-7000-8000-000000000004';
INSERT INTO order_keys (plugin, order_key, last_seq)
VALUES ('sms', '6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b', 2);
INSERT INTO deliveries (id, event_id, plugin, state, attempts, due_at, created_at, order_key, order_seq, waits_turn)
VALUES ('018f0000-0000-7000-8000-000000000032', '018f0000-0000-7000-8000-000000000004', 'sms', 'pending', 0,
        1750000000000, 1750000000000, '6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b', 1, FALSE);
INSERT INTO deliveries (id, event_id, plugin, state, attempts, due_at, created_at, order_key, order_seq, waits_turn,
                        replay_of)
VALUES ('018f0000-0000-7000-8000-000000000033', '018f0000-0000-7000-8000-000000000004', 'sms', 'pending', 0,
        1750000000000, 1750000000000, '6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b', 2, TRUE,
        '018f0000-0000-7000-8000-000000000032');
INSERT INTO attempts (id, delivery_id, number, started_at, duration_ms, outcome, summary, output, error, logs,
                      calls, generation, digest, batch_id, batch_size, mapped)
VALUES ('018f0000-0000-7000-8000-000000000034', '018f0000-0000-7000-8000-000000000032', 1, 1750000000000, 12,
        'deferred', NULL, NULL, 'not yet', '[]', '[]', 1, 'abc', NULL, NULL, TRUE);
