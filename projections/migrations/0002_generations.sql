CREATE SCHEMA relaylog;
CREATE SCHEMA api;

-- A generation is one set of projection tables, in a schema of its own; queries see the live one.
CREATE TABLE relaylog.generation (
    number      integer PRIMARY KEY,
    schema_name text NOT NULL UNIQUE,
    state       text NOT NULL CHECK (state IN ('building', 'live', 'retired')),
    -- Part of every cache key; renewed whenever a cached row may be stale, null while nobody may read the cache.
    cache_epoch uuid,
    created_at  timestamptz NOT NULL DEFAULT now(),
    live_since  timestamptz
);
CREATE UNIQUE INDEX generation_live ON relaylog.generation (state) WHERE state = 'live';

-- How far a generation has folded each partition. Written only together with the rows that the fold produced.
CREATE TABLE relaylog.position (
    generation  integer NOT NULL REFERENCES relaylog.generation ON DELETE CASCADE,
    -- Offsets mean nothing in another Kafka cluster.
    cluster_id  text NOT NULL,
    topic       text NOT NULL,
    partition   integer NOT NULL,
    next_offset bigint NOT NULL,
    -- Who may move it: random, taken anew at each assignment.
    epoch       uuid NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (generation, cluster_id, topic, partition)
);

GRANT USAGE ON SCHEMA relaylog TO relaylog_writer, relaylog_query, relaylog_operator;
GRANT USAGE ON SCHEMA api TO relaylog_writer, relaylog_query, relaylog_operator;
GRANT SELECT ON relaylog.generation TO relaylog_writer, relaylog_query, relaylog_operator;
GRANT UPDATE (cache_epoch) ON relaylog.generation TO relaylog_writer;
GRANT SELECT, INSERT, UPDATE ON relaylog.position TO relaylog_writer;
GRANT SELECT ON relaylog.position TO relaylog_operator;
