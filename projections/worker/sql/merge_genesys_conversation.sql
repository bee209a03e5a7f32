INSERT INTO genesys_conversation AS g (tenant_id, conversation_id, genesys_conversation_id, first_at)
SELECT * FROM stage_genesys_conversation ORDER BY tenant_id, conversation_id, genesys_conversation_id
ON CONFLICT (tenant_id, conversation_id, genesys_conversation_id) DO UPDATE SET first_at = excluded.first_at
 WHERE excluded.first_at < g.first_at;
