SELECT body::text, last_activity_at::text, conversation_id::text
  FROM api.conversation c
 WHERE tenant_id = ANY (%(tenants)s)
   AND (%(place)s::timestamptz IS NULL OR (last_activity_at, conversation_id) < (%(place)s::timestamptz, %(after)s::uuid))
 ORDER BY c.last_activity_at DESC, c.conversation_id DESC
 LIMIT %(limit)s;
