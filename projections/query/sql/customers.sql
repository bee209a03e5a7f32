-- People who are known by one of these names, or were; each once.
SELECT DISTINCT ON (shown.tenant_id, shown.body ->> 'id') shown.body::text
  FROM (SELECT a.tenant_id, api.customer_body(a.tenant_id, a.customer_id) AS body
          FROM (SELECT DISTINCT tenant_id, customer_id FROM api.customer_alias
                 WHERE tenant_id = ANY (%(tenants)s) AND kind = ANY (%(kinds)s) AND value = ANY (%(values)s)
                 LIMIT %(limit)s) a) shown
 WHERE shown.body IS NOT NULL
 ORDER BY shown.tenant_id, shown.body ->> 'id';
