SELECT tablename::text FROM pg_tables WHERE schemaname = %(schema)s ORDER BY 1;
