UPDATE relaylog.generation SET state = 'live', cache_epoch = gen_random_uuid(), live_since = now() WHERE number = %(number)s;
