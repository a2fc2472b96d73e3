-- One row per fact a successor needs. Instants are milliseconds (UTC), money millionths of a dollar.

CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- The one ever-rising source of tokens, for jobs and named leases alike.
CREATE TABLE sequence (
    name  TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
);

-- Every cap as a number: slots in use, reserved plus spent, launches made.
CREATE TABLE counter (
    name TEXT NOT NULL PRIMARY KEY,
    used INTEGER NOT NULL
);

-- The lease of a process that claims jobs; a claim is good while its runner's lease is.
CREATE TABLE runner (
    id          TEXT NOT NULL PRIMARY KEY,
    machine     TEXT NOT NULL,
    boot        TEXT NOT NULL,
    pid         INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,
    lease_ms    INTEGER NOT NULL,
    lease_until INTEGER NOT NULL,
    batches     TEXT NOT NULL,
    ended_at    INTEGER
);

-- A plan name belongs to the folder it was first run from.
CREATE TABLE plan (
    name        TEXT NOT NULL PRIMARY KEY,
    folder      TEXT NOT NULL,
    recorded_at INTEGER NOT NULL
);

CREATE TABLE batch (
    number      INTEGER PRIMARY KEY,
    plan        TEXT NOT NULL,
    edition     TEXT NOT NULL,
    folder      TEXT NOT NULL,
    source      TEXT NOT NULL,
    opened_at   INTEGER NOT NULL,
    deadline_at INTEGER,
    closed_at   INTEGER,
    paused      INTEGER NOT NULL,
    background  INTEGER NOT NULL,
    revision    INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    terms       TEXT NOT NULL,
    refused     INTEGER NOT NULL,
    fenced      INTEGER NOT NULL,
    UNIQUE (plan, edition)
);

-- Each accepted version of a batch's plan.
CREATE TABLE plan_revision (
    batch       INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    terms       TEXT NOT NULL,
    PRIMARY KEY (batch, number)
);

-- What jobs of one [[job]] share; never changed, so a launched generation keeps its payload.
CREATE TABLE spec (
    number   INTEGER PRIMARY KEY,
    batch    INTEGER NOT NULL,
    template TEXT NOT NULL,
    digest   TEXT NOT NULL,
    body     TEXT NOT NULL,
    UNIQUE (batch, template, digest)
);

-- The [[job]]s of a batch as they stand: what they wait for, and items still to be expanded.
CREATE TABLE template (
    batch    INTEGER NOT NULL,
    name     TEXT NOT NULL,
    spec     INTEGER NOT NULL,
    position INTEGER NOT NULL,
    after    TEXT NOT NULL,
    expands  INTEGER NOT NULL,
    PRIMARY KEY (batch, name)
);

CREATE TABLE job (
    number          INTEGER PRIMARY KEY,
    batch           INTEGER NOT NULL,
    template        TEXT NOT NULL,
    name            TEXT NOT NULL,
    key             TEXT NOT NULL UNIQUE,
    spec            INTEGER NOT NULL,
    item            TEXT,
    next_spec       INTEGER,
    next_item       TEXT,
    tags            TEXT NOT NULL,
    pool            TEXT NOT NULL,
    backend         TEXT NOT NULL,
    accounts        TEXT NOT NULL,
    rank            INTEGER NOT NULL,
    position        INTEGER NOT NULL,
    place           TEXT NOT NULL,
    listed          INTEGER NOT NULL,
    withdrawn       INTEGER NOT NULL,
    awaited         INTEGER NOT NULL,
    state           TEXT NOT NULL,
    reason          TEXT,
    revision        INTEGER NOT NULL,
    generation      INTEGER NOT NULL,
    frozen          INTEGER NOT NULL,
    attempts        INTEGER NOT NULL,
    faults          INTEGER NOT NULL,
    not_before      INTEGER NOT NULL,
    token           INTEGER NOT NULL,
    nonce           TEXT NOT NULL,
    runner          TEXT,
    machine         TEXT,
    handle          TEXT,
    step            TEXT,
    stopping        TEXT,
    wish            TEXT,
    intended_at     INTEGER,
    started_at      INTEGER,
    ended_at        INTEGER,
    deadline_at     INTEGER,
    progress_at     INTEGER,
    exit_code       INTEGER,
    result          TEXT,
    usage           TEXT,
    cost_micros     INTEGER,
    error_class     TEXT,
    error_code      TEXT,
    error_message   TEXT,
    reserved_micros INTEGER NOT NULL,
    reserved_tokens INTEGER NOT NULL
);

-- One partial index per question the loop asks; each query repeats its predicate word for word.
CREATE INDEX job_queued ON job (batch, backend, pool, not_before, rank, number)
    WHERE state = 'queued';
CREATE INDEX job_held ON job (batch, runner)
    WHERE state IN ('launching', 'running', 'finishing', 'parked');
CREATE INDEX job_awaited ON job (batch, template, state) WHERE awaited = 1;
CREATE INDEX job_wished ON job (batch) WHERE wish IS NOT NULL;
CREATE INDEX job_named ON job (batch, name);

-- One line per ended attempt; the attempt in flight is the job row itself.
CREATE TABLE attempt (
    job           INTEGER NOT NULL,
    number        INTEGER NOT NULL,
    revision      INTEGER NOT NULL,
    generation    INTEGER NOT NULL,
    token         INTEGER NOT NULL,
    machine       TEXT,
    handle        TEXT,
    intended_at   INTEGER,
    started_at    INTEGER,
    ended_at      INTEGER,
    event         TEXT NOT NULL,
    reason        TEXT,
    exit_code     INTEGER,
    usage         TEXT,
    cost_micros   INTEGER,
    error_class   TEXT,
    error_code    TEXT,
    error_message TEXT,
    PRIMARY KEY (job, number)
);

-- The same failure on different jobs of a batch, per backend; open from opened_at on.
CREATE TABLE breaker (
    batch       INTEGER NOT NULL,
    backend     TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    jobs        TEXT NOT NULL,
    opened_at   INTEGER,
    probe_at    INTEGER,
    probes      INTEGER NOT NULL,
    PRIMARY KEY (batch, backend, fingerprint)
);

-- Proof that a target was installed for a revision of a job; kept for ever.
CREATE TABLE receipt (
    job      INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    target   TEXT NOT NULL,
    sha256   TEXT NOT NULL,
    token    INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (job, revision, target)
);

-- Committed together with the change it tells of; job is null for facts about a whole batch.
CREATE TABLE event (
    seq        INTEGER PRIMARY KEY,
    at         INTEGER NOT NULL,
    batch      INTEGER NOT NULL,
    job        INTEGER,
    kind       TEXT NOT NULL,
    from_state TEXT,
    to_state   TEXT,
    reason     TEXT,
    token      INTEGER,
    attempt    INTEGER,
    runner     TEXT,
    detail     TEXT
);
