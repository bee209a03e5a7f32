-- Ends sessions of workers that were stopped inside a COPY, with their positions held: Postgres has no timeout for those.
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE datname = current_database() AND usename = session_user AND query LIKE 'COPY stage FROM STDIN%%'
   AND state = 'active' AND wait_event = 'ClientRead' AND xact_start < now() - make_interval(secs => %(seconds)s);
