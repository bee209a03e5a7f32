SELECT body::text, log_position::text, message_id::text
  FROM api.message m
 WHERE tenant_id = ANY (%(tenants)s) AND conversation_id = %(id)s
   AND (%(place)s::bigint IS NULL OR (log_position, message_id) > (%(place)s::bigint, %(after)s::uuid))
 -- Qualified, since a bare name would be that of the text in the output.
 ORDER BY m.log_position, m.message_id
 LIMIT %(limit)s;
