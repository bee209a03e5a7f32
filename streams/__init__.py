"""What carries facts: settings, topics, the log, the gateway that appends, the directory of tenants."""
