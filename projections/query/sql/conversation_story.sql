-- What a conversation's states follow from, in order of time: its messages, what else happened to it, and what became of
-- messages that could not be delivered at some time.
WITH thread AS (
    SELECT c.tenant_id, c.conversation_id FROM api.conversation c
     WHERE c.tenant_id = ANY (%(tenants)s) AND c.conversation_id = %(id)s
), undelivered AS (
    SELECT m.* FROM thread t JOIN api.message m USING (tenant_id, conversation_id) WHERE m.failed_at IS NOT NULL
), story AS (
    SELECT m.at, 'message' AS type, m.message_id::text AS subject, m.direction AS role, NULL AS code, NULL AS reason
      FROM thread t JOIN api.message m USING (tenant_id, conversation_id)
    UNION ALL
    SELECT e.at, e.type, e.participant_id, e.role, e.code, e.reason
      FROM thread t JOIN api.conversation_event e USING (tenant_id, conversation_id)
    UNION ALL
    SELECT coalesce(f.failed_at, f.redriven_at), CASE WHEN f.failed_at IS NULL THEN 'redriven' ELSE 'failed' END,
           f.message_id::text, NULL, f.code, f.reason
      -- OFFSET: the planner must look at these messages only, not at all that ever failed.
      FROM undelivered u CROSS JOIN LATERAL (
           SELECT * FROM api.message_failure x WHERE x.tenant_id = u.tenant_id AND x.message_id = u.message_id OFFSET 0) f
    UNION ALL
    SELECT arrived.at, 'delivered', u.message_id::text, NULL, NULL, NULL
      FROM undelivered u CROSS JOIN LATERAL (VALUES (u.delivered_at), (u.read_at), (u.played_at)) arrived (at)
     WHERE arrived.at IS NOT NULL
)
SELECT to_char(s.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), s.type, s.subject, s.role, s.code, s.reason
  FROM story s ORDER BY s.at, s.type, s.subject;
