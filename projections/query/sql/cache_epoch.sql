SELECT cache_epoch::text FROM relaylog.generation WHERE state = 'live';
