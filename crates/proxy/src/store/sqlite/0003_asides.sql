-- Calls of our own to models, made for a request on the way to its answer: what sums need of them. The record's `data`
-- tells the rest.
CREATE TABLE asides (
    record_id   TEXT NOT NULL REFERENCES records (id) ON DELETE CASCADE,
    at          INTEGER NOT NULL,            -- of the request, milliseconds since 1970
    place       TEXT NOT NULL,               -- local | cloud
    input       INTEGER NOT NULL,
    output      INTEGER NOT NULL,
    cache_read  INTEGER NOT NULL,
    cache_write INTEGER NOT NULL,
    reasoning   INTEGER NOT NULL,
    cost        INTEGER                      -- billionths of a US dollar; NULL where nobody knows the price
);
CREATE INDEX asides_by_record ON asides (record_id);
CREATE INDEX asides_by_time ON asides (at);
