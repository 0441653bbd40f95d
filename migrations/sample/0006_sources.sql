-- Rows put into a database after step 0006, in tests: every later step must carry them over.
-- One text for both databases.
INSERT INTO once_keys (scope, once_key, event_id, status, digest, seen_at, expires_at)
VALUES ('source:github', '72d3162e-cc78-11e3-81ab-4c9367dc0958', '018f0000-0000-7000-8000-000000000004',
        'pending', NULL, 1750000000000, 1750259200000),
       ('key:user:018f0000-0000-7000-8000-000000000001', 'order-17', '018f0000-0000-7000-8000-000000000004',
        'pending', 'e3b0c442', 1750000000000, 1750086400000);
INSERT INTO rejected_requests (id, received_at, source, remote_address, http_status, reason, headers, body_bytes,
                               check_failed, method, target, content_type, credential, body, kept_bytes,
                               accepted_event_id, accepted_at, accepted_by)
VALUES ('018f0000-0000-7000-8000-00000000000d', 1750000000000, 'github', '127.0.0.1', 401,
        'the signature is not that of this request', '[["x-hub-signature-256","sha256=00"]]', 2, 'signature', 'POST',
        '/api/webhooks/receive/github/', 'application/json', NULL, '42', 2, '018f0000-0000-7000-8000-000000000004',
        1750000001000, 'Ada');
