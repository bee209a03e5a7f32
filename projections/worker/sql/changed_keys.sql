-- Names of the rows that the batch changes, with the epoch to cache them under.
WITH live AS (
    SELECT cache_epoch FROM relaylog.generation WHERE number = %(generation)s AND state = 'live'
)
SELECT live.cache_epoch, concat_ws(':', '', 'messages', s.tenant_id, s.message_id) FROM live, stage_message s
UNION ALL
SELECT live.cache_epoch, concat_ws(':', '', 'conversations', s.tenant_id, s.conversation_id) FROM live, stage_conversation s;
