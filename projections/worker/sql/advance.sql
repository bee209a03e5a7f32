-- Moves the positions of a batch, each only if this worker still owns it and nothing was skipped or repeated.
UPDATE relaylog.position p
   SET next_offset = batch.upto, updated_at = now()
  FROM unnest(%(topics)s::text[], %(partitions)s::integer[], %(expected)s::bigint[], %(upto)s::bigint[], %(epochs)s::uuid[])
       AS batch (topic, partition, expected, upto, epoch)
 WHERE p.generation = %(generation)s AND p.cluster_id = %(cluster)s AND p.topic = batch.topic AND p.partition = batch.partition
   AND p.epoch = batch.epoch AND p.next_offset = batch.expected;
