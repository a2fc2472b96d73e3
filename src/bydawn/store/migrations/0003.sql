-- The list of prices a cost was worked out from, where a meter counts tokens and no dollars.

ALTER TABLE job ADD COLUMN prices TEXT;

ALTER TABLE attempt ADD COLUMN prices TEXT;
