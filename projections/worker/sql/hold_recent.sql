-- Threads that were lately active, with their messages, held against changes until the transaction ends. Rows that are
-- being changed are left out: nobody waits.
WITH live AS (
    SELECT cache_epoch FROM relaylog.generation WHERE number = %(generation)s AND state = 'live'
), thread AS (
    SELECT c.tenant_id, c.conversation_id FROM conversation c
     WHERE c.last_activity_at > now() - make_interval(secs => %(seconds)s)
       AND EXISTS (SELECT FROM live WHERE cache_epoch IS NOT NULL)
     ORDER BY c.last_activity_at DESC, c.tenant_id, c.conversation_id
     LIMIT %(threads)s
       FOR SHARE SKIP LOCKED
), said AS (
    SELECT m.tenant_id, m.message_id FROM thread t JOIN message m USING (tenant_id, conversation_id)
     WHERE m.at > now() - make_interval(secs => %(seconds)s)
     ORDER BY m.at DESC
     LIMIT %(messages)s
       FOR SHARE OF m SKIP LOCKED
)
SELECT live.cache_epoch, concat_ws(':', '', 'conversations', tenant_id, conversation_id) FROM live, thread
UNION ALL
SELECT live.cache_epoch, concat_ws(':', '', 'messages', tenant_id, message_id) FROM live, said;
