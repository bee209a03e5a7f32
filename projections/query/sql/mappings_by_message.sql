-- Messages by an id that a platform gave to them or to one of their parts.
WITH named AS (
    SELECT tenant_id, message_id FROM api.message
     WHERE tenant_id = ANY (%(tenants)s) AND %(platform)s = 'whatsapp' AND whatsapp_id = %(value)s
    UNION
    SELECT tenant_id, message_id FROM api.message
     WHERE tenant_id = ANY (%(tenants)s) AND %(platform)s = 'genesys' AND genesys_id = %(value)s
    UNION
    SELECT tenant_id, message_id FROM api.remote_id
     WHERE tenant_id = ANY (%(tenants)s) AND platform = %(platform)s AND remote_id = %(value)s
)
SELECT json_build_object(
           'tenant_id', m.tenant_id, 'message_id', m.message_id, 'conversation_id', m.conversation_id,
           'customer_id', m.customer_id, 'whatsapp_message_id', m.whatsapp_id, 'genesys_message_id', m.genesys_id,
           'genesys_conversation_id', m.genesys_conversation_id,
           'parts', ARRAY(SELECT json_build_object('platform', r.platform, 'id', r.remote_id, 'part', r.part)
                            FROM api.remote_id r WHERE r.tenant_id = m.tenant_id AND r.message_id = m.message_id
                           ORDER BY r.platform, r.part, r.remote_id))::text
  FROM named JOIN api.message m USING (tenant_id, message_id)
 ORDER BY m.at, m.message_id
 LIMIT %(limit)s;
