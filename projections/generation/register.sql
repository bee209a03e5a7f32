INSERT INTO relaylog.generation (number, schema_name, state, purpose, recipe)
SELECT n, format('generation_%%s', lpad(n::text, 4, '0')), 'building', %(purpose)s, %(recipe)s
  FROM (SELECT coalesce(max(number), 0) + 1 AS n FROM relaylog.generation) next
RETURNING number, schema_name;
