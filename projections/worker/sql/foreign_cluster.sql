SELECT cluster_id FROM relaylog.position WHERE generation = %(generation)s AND cluster_id <> %(cluster)s LIMIT 1;
