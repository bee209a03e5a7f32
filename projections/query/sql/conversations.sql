SELECT body::text, last_activity_at::text, conversation_id::text
  FROM api.conversation
 WHERE tenant_id = ANY (%(tenants)s)
   AND (%(time)s::timestamptz IS NULL OR (last_activity_at, conversation_id) < (%(time)s::timestamptz, %(after)s::uuid))
 ORDER BY last_activity_at DESC, conversation_id DESC
 LIMIT %(limit)s;
