SELECT FROM relaylog.generation WHERE state = 'live' AND cache_epoch IS NULL;
