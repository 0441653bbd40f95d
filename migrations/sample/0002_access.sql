-- Rows put into a database after step 0002, in tests: every later step must carry them over.
INSERT INTO api_keys (id, digest, name, owner_id, sources, rate, created_at, created_by, expires_at, revoked_at,
                      revoked_by, last_used_at)
VALUES ('Ab3xY9', '0123', 'the shop', '018f0000-0000-7000-8000-000000000001', '["shop-*"]', '600/min', 1750000000000,
        'Ada', 1850000000000, NULL, NULL, 1750000000000);
INSERT INTO audit_log (id, at, actor, role, via, address, action, target, detail, request_id)
VALUES ('018f0000-0000-7000-8000-00000000000d', 1750000000000, 'Ada', 'admin', 'http', '127.0.0.1', 'key.create',
        'Ab3xY9', '{"name":"the shop"}', '018f0000-0000-7000-8000-00000000000e');
