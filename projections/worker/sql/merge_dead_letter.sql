INSERT INTO dead_letter (tenant_id, topic, partition, "offset", reason, origin, handler, attempts, at, bytes, letter_id, context_id, mark)
SELECT * FROM stage_dead_letter ORDER BY tenant_id, topic, partition, "offset"
ON CONFLICT (tenant_id, topic, partition, "offset") DO NOTHING;
