SELECT number, schema_name, cache_epoch, shape FROM relaylog.generation WHERE state = 'live';
