-- Threads that were lately active, with their messages, held against changes until the transaction ends. Rows that are
-- being changed are left out: nobody waits.
WITH thread AS (
    SELECT c.tenant_id, c.conversation_id FROM conversation c
     WHERE c.last_activity_at > now() - make_interval(secs => %(seconds)s)
       AND EXISTS (SELECT FROM relaylog.generation WHERE number = %(generation)s AND cache_epoch IS NOT NULL)
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
SELECT 'conversations', tenant_id, conversation_id FROM thread
UNION ALL
SELECT 'messages', tenant_id, message_id FROM said;
