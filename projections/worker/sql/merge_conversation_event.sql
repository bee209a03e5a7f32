-- ConversationEvent.join: of two copies of one fact, the one recorded first.
INSERT INTO conversation_event AS e (
    tenant_id, conversation_id, event_id, recorded_at, fingerprint, type, at, genesys_conversation_id, participant_id, role, user_id,
    queue_id, name, code, reason, changed)
SELECT * FROM stage_conversation_event ORDER BY tenant_id, conversation_id, event_id
ON CONFLICT (tenant_id, conversation_id, event_id) DO UPDATE SET
    (recorded_at, fingerprint, type, at, genesys_conversation_id, participant_id, role, user_id, queue_id, name, code, reason, changed)
    = (excluded.recorded_at, excluded.fingerprint, excluded.type, excluded.at, excluded.genesys_conversation_id,
       excluded.participant_id, excluded.role, excluded.user_id, excluded.queue_id, excluded.name, excluded.code, excluded.reason,
       excluded.changed)
 WHERE (excluded.recorded_at, excluded.fingerprint) < (e.recorded_at, e.fingerprint);
