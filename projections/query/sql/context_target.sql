-- Which identity of a person holds its context document, and the version that stands; the newest identity where none does.
SELECT json_build_object('customer_id', holder.customer_id, 'pseudonym', holder.pseudonym, 'version', x.version,
                         'number', x.number, 'document', x.document, 'by', x.by, 'at', x.at)::text
  FROM api.customer asked
  LEFT JOIN LATERAL api.context_of(asked.tenant_id, asked.customer_id) x ON true
 CROSS JOIN LATERAL (
       SELECT k.customer_id, k.pseudonym
         FROM api.person_of(asked.tenant_id, asked.customer_id) p
         JOIN api.customer k ON k.tenant_id = asked.tenant_id AND k.customer_id = p.customer_id
        WHERE k.pseudonym IS NOT NULL
        ORDER BY k.customer_id = x.customer_id DESC, k.first_seen_at DESC, k.customer_id LIMIT 1) holder
 WHERE asked.tenant_id = ANY (%(tenants)s) AND asked.customer_id = %(id)s;
