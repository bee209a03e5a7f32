SELECT body::text, at::text, message_id::text
  FROM api.message
 WHERE tenant_id = ANY (%(tenants)s) AND conversation_id = %(id)s
   AND (%(time)s::timestamptz IS NULL OR (at, message_id) > (%(time)s::timestamptz, %(after)s::uuid))
 ORDER BY at, message_id
 LIMIT %(limit)s;
