-- A person, by any of its identities.
SELECT api.customer_body(c.tenant_id, c.customer_id)::text
  FROM api.customer c
 WHERE c.tenant_id = ANY (%(tenants)s) AND c.customer_id = %(id)s;
