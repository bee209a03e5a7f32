INSERT INTO customer_alias AS a (tenant_id, kind, value, customer_id, first_at)
SELECT * FROM stage_customer_alias ORDER BY tenant_id, kind, value, customer_id
ON CONFLICT (tenant_id, kind, value, customer_id) DO UPDATE SET first_at = excluded.first_at WHERE excluded.first_at < a.first_at;
