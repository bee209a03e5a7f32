-- Everything cached under the former epoch is void; while a switch is announced (null) it stays so.
UPDATE relaylog.generation SET cache_epoch = gen_random_uuid()
 WHERE number = %(generation)s AND cache_epoch IS NOT NULL
RETURNING cache_epoch;
