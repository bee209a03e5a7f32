-- Until the transaction ends no worker commits anything into this generation.
SELECT topic, partition, next_offset FROM relaylog.position
 WHERE generation = %(generation)s AND cluster_id = %(cluster)s
 ORDER BY topic, partition
   FOR UPDATE;
