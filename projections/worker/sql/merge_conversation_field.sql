-- ConversationField.join: the latest change stands.
INSERT INTO conversation_field AS f (tenant_id, conversation_id, kind, name, value, at, event_id)
SELECT * FROM stage_conversation_field ORDER BY tenant_id, conversation_id, kind, name
ON CONFLICT (tenant_id, conversation_id, kind, name) DO UPDATE SET
    value = excluded.value, at = excluded.at, event_id = excluded.event_id
 WHERE (excluded.at, excluded.event_id, excluded.value IS NOT NULL, coalesce(excluded.value, ''))
     > (f.at, f.event_id, f.value IS NOT NULL, coalesce(f.value, ''));
