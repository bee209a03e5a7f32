-- ContextVersion.join: of two copies of one write the first in the log.
INSERT INTO context_version AS v (tenant_id, customer_id, version, replaces, document, by, at, log_position)
SELECT * FROM stage_context_version ORDER BY tenant_id, customer_id, version
ON CONFLICT (tenant_id, customer_id, version) DO UPDATE SET
    (replaces, document, by, at, log_position)
    = (excluded.replaces, excluded.document, excluded.by, excluded.at, excluded.log_position)
 WHERE excluded.log_position < v.log_position;
