-- Rows put into a database after step 0001, in tests: every later step must carry them over.
-- One text for both databases.
INSERT INTO users (id, username, username_key, email, first_name, last_name, password_hash, is_staff,
                   is_active, date_joined, last_login)
VALUES ('018f0000-0000-7000-8000-000000000001', 'Ada', 'ada', 'ada@example.com', 'Ada', 'L', 'x', TRUE, TRUE,
        1750000000000, NULL);
INSERT INTO refresh_tokens (id, family, user_id, issued_at, expires_at, used_at, revoked_at)
VALUES ('018f0000-0000-7000-8000-000000000002', '018f0000-0000-7000-8000-000000000003',
        '018f0000-0000-7000-8000-000000000001', 1750000000000, 1750086400000, NULL, NULL);
INSERT INTO sources (name, first_seen_at) VALUES ('github', 1750000000000);
INSERT INTO events (id, kind, source, event_type, headers, content_type, body, payload_start, payload_end,
                    received_at, processed_at, status, error_message, owner_id, open_deliveries,
                    failed_deliveries)
VALUES ('018f0000-0000-7000-8000-000000000004', 'webhook', 'github', 'push', '[["x-github-event","push"]]',
        'application/json', '{"payload":{}}', 11, 13, 1750000000000, NULL, 'processing', NULL,
        '018f0000-0000-7000-8000-000000000001', 1, 0);
INSERT INTO deliveries (id, event_id, plugin, state, attempts, due_at, created_at, started_at, finished_at,
                        last_error, lease_token, lease_until, lease_node, replay_of, alone)
VALUES ('018f0000-0000-7000-8000-000000000005', '018f0000-0000-7000-8000-000000000004', 'slack-webhook',
        'retrying', 1, 1750000000000, 1750000000000, NULL, NULL, 'it said no', NULL, NULL, NULL, NULL, FALSE),
       ('018f0000-0000-7000-8000-00000000000a', '018f0000-0000-7000-8000-000000000004', 'slack-webhook',
        'dead', 1, 1750000000000, 1750000000000, NULL, 1750000000000, 'it said no', NULL, NULL, NULL,
        '018f0000-0000-7000-8000-000000000005', TRUE);
INSERT INTO attempts (id, delivery_id, number, started_at, duration_ms, outcome, summary, output, error, logs,
                      calls, generation, digest, batch_id, batch_size)
VALUES ('018f0000-0000-7000-8000-000000000006', '018f0000-0000-7000-8000-000000000005', 1, 1750000000000, 12,
        'retry', NULL, NULL, 'it said no', '[{"at_ms":1,"level":"info","message":"hello"}]', '[]', 1, 'abc',
        '018f0000-0000-7000-8000-00000000000b', 2);
INSERT INTO processes (id, code, name, script, created_at, updated_at)
VALUES ('018f0000-0000-7000-8000-000000000007', 'invoice', 'Invoice', 'print(1)', 1750000000000, 1750000000000);
INSERT INTO process_versions (process_id, version, code, name, script, changed_at, changed_by)
VALUES ('018f0000-0000-7000-8000-000000000007', 1, 'invoice', 'Invoice', 'print(1)', 1750000000000, 'Ada');
INSERT INTO schedules (plugin, schedule, rule, since)
VALUES ('github-backup', '0 3 * * *', '0 3 * * * UTC', 1750000000000);
INSERT INTO schedule_runs (plugin, schedule, planned_at, recorded_at, outcome, event_id)
VALUES ('github-backup', '0 3 * * *', 1750000000000, 1750000000012, 'made',
        '018f0000-0000-7000-8000-000000000004');
INSERT INTO plugin_state (plugin, key, value, version) VALUES ('gsheets', 'cursor', '42', 1);
INSERT INTO plugin_state_usage (plugin, keys, bytes) VALUES ('gsheets', 1, 8);
INSERT INTO stored_secrets (name, key_id, sealed, created_at, updated_at) VALUES ('token', '0123456789abcdef', '42', 1780000000000, 1780000000000);
INSERT INTO rejected_requests (id, received_at, source, remote_address, http_status, reason, headers, body_bytes)
VALUES ('018f0000-0000-7000-8000-000000000008', 1750000000000, 'github', '127.0.0.1', 401, 'bad signature',
        '[]', 12);
INSERT INTO imported_rows (id, digest) VALUES ('018f0000-0000-7000-8000-00000000000c', 'abc');

INSERT INTO nodes (id, host, version, plugins_digest, builds, started_at, seen_at)
VALUES ('018f0000-0000-7000-8000-00000000000d', 'a', '0.1.0', 'abc', '{"gsheets": "def"}', 1750000000000, 1750000000000);
