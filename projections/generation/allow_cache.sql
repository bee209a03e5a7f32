UPDATE relaylog.generation SET cache_epoch = gen_random_uuid() WHERE state = 'live' AND cache_epoch IS NULL;
