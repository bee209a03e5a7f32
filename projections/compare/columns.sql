-- Columns of a table in order: name, whether the database computes it, and its place in the primary key, from 1 on.
SELECT a.attname::text, a.attgenerated <> '', array_position(i.indkey::int[], a.attnum::int)
  FROM pg_attribute a
  JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
 WHERE a.attrelid = format('%%I.%%I', %(schema)s::text, %(table)s::text)::regclass AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum;
