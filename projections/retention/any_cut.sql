SELECT EXISTS (SELECT FROM relaylog.retention_cut);
