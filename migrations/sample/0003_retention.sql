-- Rows put into a database after step 0003, in tests: every later step must carry them over.
UPDATE events SET redacted = '["/card/number"]', redact_rule = '0123' WHERE id = '018f0000-0000-7000-8000-000000000004';
