-- The ledger, format 1. The entries are the truth; everything else can be told from them and the payloads.
CREATE TABLE entries (
    idx    INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    kind   TEXT NOT NULL,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    leaf   BLOB NOT NULL CHECK (length(leaf) BETWEEN 1 AND 1024)
) STRICT;
CREATE INDEX entries_by_digest ON entries (digest, idx);
CREATE INDEX entries_by_kind ON entries (kind, idx);
CREATE TRIGGER entries_are_never_changed BEFORE UPDATE ON entries
BEGIN SELECT RAISE(ABORT, 'entries are never changed'); END;
CREATE TRIGGER entries_are_never_removed BEFORE DELETE ON entries
BEGIN SELECT RAISE(ABORT, 'entries are never removed'); END;

CREATE TABLE payloads (
    digest    BLOB PRIMARY KEY CHECK (length(digest) = 32),
    sealed    INTEGER NOT NULL CHECK (sealed IN (0, 1)),
    salt      BLOB CHECK (length(salt) = 32),
    bytes     BLOB,                                     -- none: withdrawn, or sealed and in another store
    envelope  BLOB NOT NULL,
    released  BLOB CHECK (length(released) = 32),       -- the digest under which a sealed payload was made public
    withdrawn INTEGER NOT NULL DEFAULT 0 CHECK (withdrawn IN (0, 1))
) STRICT;
CREATE INDEX payloads_by_release ON payloads (released) WHERE released IS NOT NULL;

CREATE TABLE heads (
    size  INTEGER PRIMARY KEY,
    root  BLOB NOT NULL CHECK (length(root) = 32),
    nodes BLOB NOT NULL
) STRICT;

CREATE TABLE retention_runs (
    id   INTEGER PRIMARY KEY,
    rule TEXT NOT NULL,
    at   INTEGER NOT NULL,
    run  BLOB NOT NULL
) STRICT;

CREATE TABLE slots (
    job           TEXT NOT NULL,
    scheduled_for INTEGER NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('running', 'finished', 'failed')),
    owner         TEXT NOT NULL,
    lease_until   INTEGER NOT NULL,
    finished_at   INTEGER,
    PRIMARY KEY (job, scheduled_for)
) STRICT;
CREATE INDEX slots_that_run ON slots (job) WHERE state = 'running';

-- What the daemon promised to do from when on. What was due before was not missed.
CREATE TABLE promises (
    job      TEXT PRIMARY KEY,
    schedule TEXT NOT NULL,
    since    INTEGER NOT NULL
) STRICT;
