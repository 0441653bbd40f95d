-- The pair of ../sqlite/0003_retention.sql: same tables, same columns, same checks.

-- What was taken out of the body: a JSON list of pointers, or ["body"]; NULL when it is as it came.
ALTER TABLE events ADD COLUMN redacted TEXT;
-- The later redaction that was done last: a digest of what it takes out.
ALTER TABLE events ADD COLUMN redact_rule TEXT;
-- The master key that body and headers are sealed under; NULL when they are in clear.
ALTER TABLE events ADD COLUMN key_id TEXT;
-- The same of an attempt's output, logs and calls.
ALTER TABLE attempts ADD COLUMN key_id TEXT;
-- The purge of moments, oldest first.
CREATE INDEX schedule_runs_recorded ON schedule_runs (recorded_at);
