-- Who was told of what: claimed before it is sent, so that each cause is told of once, whoever sends.
-- target is the name of a variable, never the address in it.

CREATE TABLE notice (
    batch    INTEGER NOT NULL,
    cause    TEXT NOT NULL,
    level    INTEGER NOT NULL,
    target   TEXT NOT NULL,
    made_at  INTEGER NOT NULL,
    tries    INTEGER NOT NULL,
    try_at   INTEGER NOT NULL,
    sent_at  INTEGER,
    error    TEXT,
    PRIMARY KEY (batch, cause, level, target)
);
