-- Group roles are global to a cluster of databases: another database's migration may have made them, or be making them now.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['relaylog_writer', 'relaylog_query', 'relaylog_operator'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
    -- The owner writes through the writer's policy: row-level security is forced on owners too.
    IF NOT pg_has_role(current_user, 'relaylog_writer', 'USAGE') THEN
        EXECUTE format('GRANT relaylog_writer TO %I', current_user);
    END IF;
    EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO relaylog_writer', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO relaylog_query, relaylog_operator', current_database());
END
$$;
