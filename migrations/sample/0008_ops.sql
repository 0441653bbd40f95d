-- Rows put into a database after step 0008, in tests: every later step must carry them over.
-- One text for both databases. (No row of copy_progress: no server opens a database that has one.)
UPDATE events SET trace_parent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
WHERE id = '018f0000-0000-7000-8000-000000000004';
UPDATE nodes SET role = 'worker' WHERE id = '018f0000-0000-7000-8000-00000000000d';
