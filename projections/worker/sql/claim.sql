-- Takes a partition over from whoever had it: from here on only this epoch can move its position.
INSERT INTO relaylog.position AS p (generation, cluster_id, topic, partition, next_offset, epoch)
VALUES (%(generation)s, %(cluster)s, %(topic)s, %(partition)s, 0, %(epoch)s)
ON CONFLICT (generation, cluster_id, topic, partition) DO UPDATE SET epoch = excluded.epoch, updated_at = now()
RETURNING p.next_offset;
