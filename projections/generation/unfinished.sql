-- Left by an interrupted rebuild or verification, or retired and not dropped yet.
SELECT number, schema_name FROM relaylog.generation WHERE state <> 'live' ORDER BY number;
