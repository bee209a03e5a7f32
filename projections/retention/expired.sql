coalesce({age} < (SELECT c.before FROM relaylog.retention_cut c WHERE c.tenant_id = t.tenant_id AND c.kind = {kind}), false)
