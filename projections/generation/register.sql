INSERT INTO relaylog.generation (number, schema_name, state, purpose, shape, recipe)
SELECT n, format('generation_%%s', lpad(n::text, 4, '0')), 'building', %(purpose)s, %(shape)s, %(recipe)s
  FROM (SELECT coalesce(max(number), 0) + 1 AS n FROM relaylog.generation) next
RETURNING number, schema_name;
