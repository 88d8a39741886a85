-- `data` holds the whole record as JSON; the columns beside it are only what is filtered, sorted
-- or summed by.
CREATE TABLE records (
    id            TEXT PRIMARY KEY,
    at            INTEGER NOT NULL,          -- milliseconds since 1970
    backend       TEXT,
    kind          TEXT NOT NULL,
    role          TEXT NOT NULL,
    place         TEXT NOT NULL,             -- local | cloud | nowhere
    outcome       TEXT NOT NULL,
    score         INTEGER,
    fell_back     INTEGER NOT NULL,
    estimated     INTEGER NOT NULL,          -- tokens
    input         INTEGER NOT NULL,
    output        INTEGER NOT NULL,
    cache_read    INTEGER NOT NULL,
    cache_write   INTEGER NOT NULL,
    reasoning     INTEGER NOT NULL,
    search        TEXT NOT NULL,             -- lower-case text the log is searched by
    data          TEXT NOT NULL
);
CREATE INDEX records_by_time ON records (at, id);

-- Apart from the records, so that a list of them never reads a body.
CREATE TABLE bodies (
    record_id     TEXT PRIMARY KEY REFERENCES records (id) ON DELETE CASCADE,
    request       TEXT,
    response      TEXT
);

CREATE TABLE images (
    sha256         TEXT NOT NULL,            -- of the decoded bytes, hex
    prompt_version TEXT NOT NULL,
    media_type     TEXT NOT NULL,
    width          INTEGER NOT NULL,
    height         INTEGER NOT NULL,
    bytes          INTEGER NOT NULL,
    thumbnail      BLOB,
    description    TEXT NOT NULL,
    model          TEXT NOT NULL,
    edited         INTEGER NOT NULL DEFAULT 0,
    created_at     INTEGER NOT NULL,
    last_used_at   INTEGER NOT NULL,
    hits           INTEGER NOT NULL,
    PRIMARY KEY (sha256, prompt_version)
);
CREATE INDEX images_by_use ON images (last_used_at);

-- What was learned about backends and models, by key.
CREATE TABLE facts (
    key           TEXT PRIMARY KEY,
    value         TEXT NOT NULL
) WITHOUT ROWID;
