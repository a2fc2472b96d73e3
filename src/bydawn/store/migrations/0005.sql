-- What a two-phase backend reserved before the call that starts the run: committed first, kept with
-- the attempt.

ALTER TABLE job ADD COLUMN container TEXT;
ALTER TABLE attempt ADD COLUMN container TEXT;
