-- Named rows as queries show them, each with its name; names stand in one text, for a long array costs its sender more.
-- A statement of its own, since it must see what was committed.
WITH named AS (
    SELECT key, split_part(key, ':', 2) AS resource, split_part(key, ':', 3) COLLATE "C" AS tenant_id,
           split_part(key, ':', 4)::uuid AS id
      FROM string_to_table(%(keys)s, ' ') AS key
)
SELECT n.key, lpad(v.revision::text, %(digits)s, '0') || v.body::text
  FROM named n JOIN api.message v ON v.tenant_id = n.tenant_id AND v.message_id = n.id WHERE n.resource = 'messages'
UNION ALL
SELECT n.key, lpad(v.revision::text, %(digits)s, '0') || v.body::text
  FROM named n JOIN api.conversation v ON v.tenant_id = n.tenant_id AND v.conversation_id = n.id
 WHERE n.resource = 'conversations';
