-- ConversationState.join, and how many messages the merge of messages added or moved.
INSERT INTO conversation AS c (
    tenant_id, conversation_id, customer_id, channel, subject, opened_at, last_inbound_at, last_outbound_at, detailed, revived_at,
    queued_at, served_at, closed_at, closed_reason, failed_at, failure_code, failure_reason, priority, priority_at, messages_in,
    messages_out)
SELECT * FROM stage_conversation ORDER BY tenant_id, conversation_id
ON CONFLICT (tenant_id, conversation_id) DO UPDATE SET
    customer_id      = least(c.customer_id, excluded.customer_id),
    channel          = least(c.channel, excluded.channel),
    subject          = least(c.subject, excluded.subject),
    opened_at        = least(c.opened_at, excluded.opened_at),
    last_inbound_at  = greatest(c.last_inbound_at, excluded.last_inbound_at),
    last_outbound_at = greatest(c.last_outbound_at, excluded.last_outbound_at),
    detailed         = greatest(c.detailed, excluded.detailed),
    revived_at       = greatest(c.revived_at, excluded.revived_at),
    queued_at        = greatest(c.queued_at, excluded.queued_at),
    served_at        = greatest(c.served_at, excluded.served_at),
    closed_at        = greatest(c.closed_at, excluded.closed_at),
    closed_reason    = CASE WHEN coalesce((c.closed_at, c.closed_reason) >= (excluded.closed_at, excluded.closed_reason), c.closed_at IS NOT NULL) THEN c.closed_reason ELSE excluded.closed_reason END,
    failed_at        = greatest(c.failed_at, excluded.failed_at),
    failure_code     = CASE WHEN coalesce((c.failed_at, c.failure_code, c.failure_reason) >= (excluded.failed_at, excluded.failure_code, excluded.failure_reason), c.failed_at IS NOT NULL) THEN c.failure_code ELSE excluded.failure_code END,
    failure_reason   = CASE WHEN coalesce((c.failed_at, c.failure_code, c.failure_reason) >= (excluded.failed_at, excluded.failure_code, excluded.failure_reason), c.failed_at IS NOT NULL) THEN c.failure_reason ELSE excluded.failure_reason END,
    priority         = CASE WHEN coalesce((c.priority_at, c.priority) >= (excluded.priority_at, excluded.priority), c.priority_at IS NOT NULL) THEN c.priority ELSE excluded.priority END,
    priority_at      = greatest(c.priority_at, excluded.priority_at),
    messages_in      = c.messages_in + excluded.messages_in,
    messages_out     = c.messages_out + excluded.messages_out,
    revision         = c.revision + 1;
