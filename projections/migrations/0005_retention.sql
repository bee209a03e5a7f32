-- Up to when the rows of a tenant are let go, by kind of data; it only moves on. What is older is neither missed by a
-- verification nor restored by a repair or a rebuild, although the log may still have it.
CREATE TABLE relaylog.retention_cut (
    tenant_id text COLLATE "C" NOT NULL,
    kind      text COLLATE "C" NOT NULL,
    before    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, kind)
);
ALTER TABLE relaylog.retention_cut ENABLE ROW LEVEL SECURITY;
ALTER TABLE relaylog.retention_cut FORCE ROW LEVEL SECURITY;
CREATE POLICY writer ON relaylog.retention_cut TO relaylog_writer USING (true) WITH CHECK (true);
CREATE POLICY operator ON relaylog.retention_cut FOR SELECT TO relaylog_operator USING (true);
CREATE POLICY tenant ON relaylog.retention_cut FOR SELECT TO relaylog_query
    USING (tenant_id <> '' AND tenant_id = current_setting('relaylog.tenant', true));
GRANT SELECT ON relaylog.retention_cut TO relaylog_writer, relaylog_query, relaylog_operator;
