-- A person: every identity that is linked to the one asked for, over any number of links. The newest identity is the person's id.
WITH RECURSIVE person AS (
    SELECT tenant_id, customer_id FROM api.customer WHERE tenant_id = ANY (%(tenants)s) AND customer_id = %(id)s
    UNION
    SELECT l.tenant_id, l.linked_id FROM person p JOIN api.customer_link l USING (tenant_id, customer_id)
), identity AS (
    SELECT c.* FROM person p JOIN api.customer c USING (tenant_id, customer_id)
), known AS (
    SELECT DISTINCT a.kind, a.value, a.first_at FROM person p JOIN api.customer_alias a USING (tenant_id, customer_id)
), current AS (
    SELECT tenant_id, customer_id FROM identity ORDER BY first_seen_at DESC, customer_id LIMIT 1
)
SELECT row_to_json(shown)::text
  FROM (SELECT current.customer_id AS id, current.tenant_id,
               (SELECT name FROM identity WHERE name IS NOT NULL ORDER BY name_at DESC, name LIMIT 1) AS name,
               (SELECT username FROM identity WHERE username IS NOT NULL ORDER BY username_at DESC, username LIMIT 1) AS username,
               (SELECT value FROM known WHERE kind = 'wa_id' ORDER BY first_at DESC, value LIMIT 1) AS wa_id,
               (SELECT value FROM known WHERE kind = 'user_id' ORDER BY first_at DESC, value LIMIT 1) AS user_id,
               (SELECT coalesce(json_agg(json_build_object('kind', kind, 'value', value) ORDER BY kind, value), '[]')
                  FROM (SELECT DISTINCT kind, value FROM known) alias) AS aliases,
               ARRAY(SELECT customer_id FROM identity WHERE customer_id <> current.customer_id ORDER BY customer_id) AS merged_ids,
               ARRAY(SELECT c.conversation_id FROM person p JOIN api.conversation c USING (tenant_id, customer_id)
                      ORDER BY c.last_activity_at DESC, c.conversation_id LIMIT 100) AS conversation_ids,
               (SELECT min(first_seen_at) FROM identity) AS first_seen_at,
               (SELECT max(last_seen_at) FROM identity) AS last_seen_at
          FROM current) shown;
