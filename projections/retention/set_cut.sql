INSERT INTO relaylog.retention_cut AS c (tenant_id, kind, before)
VALUES (%(tenant)s, %(kind)s, now() - make_interval(days => %(days)s))
ON CONFLICT (tenant_id, kind) DO UPDATE SET before = greatest(c.before, excluded.before);
