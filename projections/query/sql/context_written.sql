-- A write that is folded, and whether it counts: whether it is the first of those that replace the same version, of which
-- each one before it was the first as well.
WITH RECURSIVE written AS (
    SELECT v.* FROM api.person_of(%(tenant)s, %(id)s) p
      JOIN api.context_version v ON v.tenant_id = %(tenant)s AND v.customer_id = p.customer_id AND v.version = %(version)s
     LIMIT 1
), line AS (
    SELECT w.customer_id, w.version, w.replaces, w.log_position FROM written w
    UNION ALL
    SELECT v.customer_id, v.version, v.replaces, v.log_position
      FROM line l JOIN api.context_version v
        ON v.tenant_id = %(tenant)s AND v.customer_id = l.customer_id AND v.version = l.replaces
)
SELECT json_build_object('version', w.version, 'number', (SELECT count(*) FROM line), 'document', w.document, 'by', w.by, 'at', w.at)::text,
       NOT EXISTS (SELECT FROM line l JOIN api.context_version rival
                       ON rival.tenant_id = %(tenant)s AND rival.customer_id = l.customer_id
                      AND rival.replaces IS NOT DISTINCT FROM l.replaces AND rival.log_position < l.log_position)
  FROM written w;
