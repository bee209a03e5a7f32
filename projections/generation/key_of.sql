-- Columns of a table's primary key, in order; as text they sort as the key does.
SELECT a.attname::text
  FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
 WHERE i.indrelid = format('%%I.%%I', %(schema)s::text, %(table)s::text)::regclass AND i.indisprimary
 ORDER BY array_position(i.indkey::int[], a.attnum::int);
