-- What a plan, as it is written, has done: rehearsed, clean watched nights, nights it was left alone,
-- incidents. One row per fact; batch is 0 for what belongs to no batch.

CREATE TABLE trust (
    plan        TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    kind        TEXT NOT NULL,
    batch       INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (plan, fingerprint, kind, batch)
);
