SELECT number, schema_name, cache_epoch FROM relaylog.generation WHERE state = 'live';
