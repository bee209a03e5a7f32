-- Tables of a generation; partitions are reached through the table that they are part of.
SELECT c.relname::text FROM pg_class c
 WHERE c.relnamespace = to_regnamespace(quote_ident(%(schema)s)) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
 ORDER BY 1;
