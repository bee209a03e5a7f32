SELECT FROM {table} t WHERE t.tenant_id = %(tenant)s AND t.message_id = %(message)s AND {expired};
