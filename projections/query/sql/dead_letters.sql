SELECT body::text, at::text, concat_ws('/', topic, partition, lpad("offset"::text, 20, '0'))
  FROM api.dead_letter d
 WHERE tenant_id = ANY (%(tenants)s)
   AND (%(place)s::timestamptz IS NULL
        OR (at, concat_ws('/', topic, partition, lpad("offset"::text, 20, '0')) COLLATE "C") < (%(place)s::timestamptz, %(after)s))
 ORDER BY d.at DESC, concat_ws('/', topic, partition, lpad("offset"::text, 20, '0')) COLLATE "C" DESC
 LIMIT %(limit)s;
