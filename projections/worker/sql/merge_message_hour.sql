-- What the merge of messages added and took away.
INSERT INTO message_hour AS h (
    tenant_id, hour, channel, direction, author, failure_code, messages, sent, delivered, read)
SELECT * FROM stage_message_hour ORDER BY tenant_id, hour, channel, direction, author, failure_code
ON CONFLICT (tenant_id, hour, channel, direction, author, failure_code) DO UPDATE SET
    messages  = h.messages + excluded.messages,
    sent      = h.sent + excluded.sent,
    delivered = h.delivered + excluded.delivered,
    read      = h.read + excluded.read;
