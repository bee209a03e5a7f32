SELECT body::text FROM api.conversation WHERE tenant_id = ANY (%(tenants)s) AND conversation_id = %(id)s;
