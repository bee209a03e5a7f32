-- ConversationState.join.
INSERT INTO conversation AS c (
    tenant_id, conversation_id, customer_id, channel, subject, opened_at, last_inbound_at, last_outbound_at, closed_at)
SELECT * FROM stage_conversation ORDER BY tenant_id, conversation_id
ON CONFLICT (tenant_id, conversation_id) DO UPDATE SET
    customer_id      = least(c.customer_id, excluded.customer_id),
    channel          = least(c.channel, excluded.channel),
    subject          = least(c.subject, excluded.subject),
    opened_at        = least(c.opened_at, excluded.opened_at),
    last_inbound_at  = greatest(c.last_inbound_at, excluded.last_inbound_at),
    last_outbound_at = greatest(c.last_outbound_at, excluded.last_outbound_at),
    closed_at        = greatest(c.closed_at, excluded.closed_at),
    revision         = c.revision + 1;
