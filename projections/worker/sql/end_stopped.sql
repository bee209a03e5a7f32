-- Ends sessions of workers that were stopped inside a COPY or a pipeline, with their positions held: there they are active
-- and wait for their client, for which Postgres has no timeout.
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE datname = current_database() AND usename = session_user AND application_name = %(application)s
   AND state = 'active' AND wait_event = 'ClientRead'
   AND greatest(xact_start, state_change) < now() - make_interval(secs => %(seconds)s);
