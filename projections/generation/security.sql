-- Row-level security on every table of the generation: none can be forgotten.
DO $$
DECLARE
    name text;
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO relaylog_writer, relaylog_query, relaylog_operator', current_schema());
    FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY writer ON %I TO relaylog_writer USING (true) WITH CHECK (true)', name);
        EXECUTE format('CREATE POLICY operator ON %I FOR SELECT TO relaylog_operator USING (true)', name);
        EXECUTE format('CREATE POLICY tenant ON %I FOR SELECT TO relaylog_query '
                       'USING (tenant_id <> '''' AND tenant_id = current_setting(''relaylog.tenant'', true))', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO relaylog_writer', name);
        EXECUTE format('GRANT SELECT ON %I TO relaylog_query, relaylog_operator', name);
    END LOOP;
END
$$;
