INSERT INTO customer_link AS l (tenant_id, customer_id, linked_id, at)
SELECT * FROM stage_customer_link ORDER BY tenant_id, customer_id, linked_id
ON CONFLICT (tenant_id, customer_id, linked_id) DO UPDATE SET at = excluded.at WHERE excluded.at < l.at;
