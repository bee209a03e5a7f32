-- ParticipantState.join.
INSERT INTO participant AS p (
    tenant_id, conversation_id, participant_id, role, genesys_conversation_id, user_id, queue_id, name, first_joined_at, joined_at,
    left_at)
SELECT * FROM stage_participant ORDER BY tenant_id, conversation_id, participant_id
ON CONFLICT (tenant_id, conversation_id, participant_id) DO UPDATE SET
    role                    = least(p.role, excluded.role),
    genesys_conversation_id = least(p.genesys_conversation_id, excluded.genesys_conversation_id),
    user_id                 = least(p.user_id, excluded.user_id),
    queue_id                = least(p.queue_id, excluded.queue_id),
    name                    = greatest(p.name, excluded.name),
    first_joined_at         = least(p.first_joined_at, excluded.first_joined_at),
    joined_at               = greatest(p.joined_at, excluded.joined_at),
    left_at                 = greatest(p.left_at, excluded.left_at);
