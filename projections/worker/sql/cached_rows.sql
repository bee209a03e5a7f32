-- The rows that the batch changed, as queries show them, with the epoch to cache them under.
WITH live AS (
    SELECT cache_epoch FROM relaylog.generation WHERE number = %(generation)s AND state = 'live'
)
SELECT live.cache_epoch, concat_ws(':', '', 'messages', v.tenant_id, v.message_id), lpad(v.revision::text, %(digits)s, '0') || v.body::text
  FROM live, stage_message s JOIN api.message v USING (tenant_id, message_id)
UNION ALL
SELECT live.cache_epoch, concat_ws(':', '', 'conversations', v.tenant_id, v.conversation_id), lpad(v.revision::text, %(digits)s, '0') || v.body::text
  FROM live, stage_conversation s JOIN api.conversation v USING (tenant_id, conversation_id);
