UPDATE relaylog.generation SET cache_epoch = NULL WHERE state = 'live';
