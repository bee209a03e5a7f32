-- Rows of some threads, all of them where none is named; in memory the parts of a key compare as they do here
-- (collation "C").
SELECT {key}, {thread} AS thread, (to_jsonb(t) - {left_out})::text
  FROM {table} t
 WHERE {selected}
   AND (%(threads)s::text[] IS NULL
        OR (t.tenant_id, {thread}) IN (SELECT * FROM unnest(%(tenants)s::text[], %(threads)s::text[])))
 ORDER BY {key};
