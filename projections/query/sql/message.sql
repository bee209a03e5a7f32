SELECT body::text FROM api.message WHERE tenant_id = ANY (%(tenants)s) AND message_id = %(id)s;
