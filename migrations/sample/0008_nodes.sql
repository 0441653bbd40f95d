INSERT INTO nodes (id, host, version, plugins_digest, builds, started_at, seen_at)
VALUES ('018f0000-0000-7000-8000-00000000000d', 'a', '0.1.0', 'abc', '{"gsheets": "def"}', 1750000000000, 1750000000000);
