-- Work on the tables that one of the workers does from time to time, whichever comes first.
CREATE TABLE relaylog.upkeep (
    task     text PRIMARY KEY,
    begun_at timestamptz NOT NULL,
    ended_at timestamptz,
    result   text NOT NULL DEFAULT ''
);
GRANT SELECT ON relaylog.upkeep TO relaylog_operator;
