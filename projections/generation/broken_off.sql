-- Rebuilds that were broken off, the newest first, and whether each can be taken up again.
SELECT g.number, g.schema_name,
       g.recipe = %(recipe)s AND NOT EXISTS (
           SELECT FROM relaylog.position p WHERE p.generation = g.number AND p.cluster_id <> %(cluster)s) AS usable
  FROM relaylog.generation g
 WHERE g.state = 'building' AND g.purpose = 'rebuild'
 ORDER BY g.number DESC;
