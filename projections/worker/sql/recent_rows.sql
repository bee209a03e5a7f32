-- Held rows as queries show them; a statement of its own, since it must see what was committed before they were held.
WITH live AS (
    SELECT cache_epoch FROM relaylog.generation WHERE number = %(generation)s AND state = 'live'
), held AS (
    SELECT * FROM unnest(%(resources)s::text[], %(tenants)s::text[], %(ids)s::uuid[]) AS h (resource, tenant_id, id)
)
SELECT live.cache_epoch, concat_ws(':', '', 'messages', v.tenant_id, v.message_id), lpad(v.revision::text, %(digits)s, '0') || v.body::text
  FROM live, held h JOIN api.message v ON v.tenant_id = h.tenant_id AND v.message_id = h.id WHERE h.resource = 'messages'
UNION ALL
SELECT live.cache_epoch, concat_ws(':', '', 'conversations', v.tenant_id, v.conversation_id), lpad(v.revision::text, %(digits)s, '0') || v.body::text
  FROM live, held h JOIN api.conversation v ON v.tenant_id = h.tenant_id AND v.conversation_id = h.id
 WHERE h.resource = 'conversations';
