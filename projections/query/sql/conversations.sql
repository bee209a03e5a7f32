SELECT body::text, last_activity_at::text, conversation_id::text
  FROM api.conversation c
 WHERE tenant_id = ANY (%(tenants)s)
   AND (%(state)s::text IS NULL OR c.state = %(state)s)
   AND (%(customer_id)s::uuid IS NULL
        OR c.customer_id IN (SELECT p.customer_id FROM unnest(%(tenants)s) t (id) CROSS JOIN api.person_of(t.id, %(customer_id)s) p))
   AND (%(place)s::timestamptz IS NULL OR (last_activity_at, conversation_id) < (%(place)s::timestamptz, %(after)s::uuid))
 ORDER BY c.last_activity_at DESC, c.conversation_id DESC
 LIMIT %(limit)s;
