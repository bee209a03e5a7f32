-- Rows of each thread, counted and digested; the sums do not depend on the order of the rows.
SELECT t.tenant_id, {thread} AS thread, count(*),
       sum(hash_record_extended(ROW({columns}), 0)::numeric), sum(hash_record_extended(ROW({columns}), 1)::numeric)
  FROM {table} t
 WHERE {selected}
 GROUP BY 1, 2
 ORDER BY 1, 2;
