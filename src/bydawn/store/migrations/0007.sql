-- The same index under a condition that costs less to keep: for IN with more than two words SQLite
-- builds a table of them in every statement that changes a state, for OR it compares.

DROP INDEX job_held;

CREATE INDEX job_held ON job (batch, runner)
    WHERE (state = 'launching' OR state = 'running' OR state = 'finishing' OR state = 'parked');
