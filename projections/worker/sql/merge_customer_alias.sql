-- CustomerAlias.join.
INSERT INTO customer_alias AS a (tenant_id, kind, value, customer_id, first_at, ended_at)
SELECT * FROM stage_customer_alias ORDER BY tenant_id, kind, value, customer_id
ON CONFLICT (tenant_id, kind, value, customer_id) DO UPDATE SET
    first_at = least(a.first_at, excluded.first_at), ended_at = greatest(a.ended_at, excluded.ended_at)
 WHERE excluded.first_at < a.first_at OR excluded.ended_at > coalesce(a.ended_at, '-infinity');
