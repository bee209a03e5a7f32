SELECT (pg_relation_size(format('%%I.%%I', %(schema)s::text, %(table)s::text)::regclass) / current_setting('block_size')::int)::bigint;
