-- Named leases for everyone, and the question whether a target must have a fence record of ours.

-- A row stays for ever: who held a name last, and under which token.
CREATE TABLE lease (
    name        TEXT NOT NULL PRIMARY KEY,
    token       INTEGER NOT NULL,
    nonce       TEXT NOT NULL,
    holder      TEXT NOT NULL,
    boot        TEXT NOT NULL,
    lease_until INTEGER NOT NULL,
    acquired_at INTEGER NOT NULL,
    released_at INTEGER
);

CREATE INDEX receipt_target ON receipt (target);
