-- The chain over events: the hash of each and all before it, and the seal of each group's last.
-- Events from before this migration have neither; the chain begins behind them.

ALTER TABLE event ADD COLUMN hash TEXT;

ALTER TABLE event ADD COLUMN seal TEXT;
