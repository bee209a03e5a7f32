-- A new epoch on its positions: whoever still folds into the live generation can no longer commit.
WITH retired AS (
    UPDATE relaylog.generation SET state = 'retired', cache_epoch = NULL WHERE state = 'live' RETURNING number
)
UPDATE relaylog.position SET epoch = gen_random_uuid(), updated_at = now() WHERE generation IN (SELECT number FROM retired);
