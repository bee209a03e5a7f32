-- Threads by a Genesys conversation, or by a number of their customer.
WITH named AS (
    SELECT tenant_id, conversation_id FROM api.genesys_conversation
     WHERE tenant_id = ANY (%(tenants)s) AND genesys_conversation_id = %(genesys_conversation_id)s
    UNION
    SELECT c.tenant_id, c.conversation_id
      FROM api.customer_alias a JOIN api.conversation c USING (tenant_id, customer_id)
     WHERE a.tenant_id = ANY (%(tenants)s) AND a.kind = 'wa_id' AND a.value = ANY (%(wa_ids)s)
)
SELECT json_build_object(
           'tenant_id', c.tenant_id, 'conversation_id', c.conversation_id, 'customer_id', c.customer_id,
           'genesys_conversation_ids', c.body -> 'genesys_conversation_ids',
           'wa_ids', ARRAY(SELECT a.value FROM api.customer_alias a
                            WHERE a.tenant_id = c.tenant_id AND a.customer_id = c.customer_id AND a.kind = 'wa_id'
                            ORDER BY a.value))::text
  FROM named JOIN api.conversation c USING (tenant_id, conversation_id)
 ORDER BY c.last_activity_at DESC, c.conversation_id
 LIMIT %(limit)s;
