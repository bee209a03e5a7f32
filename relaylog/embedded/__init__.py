"""The Kafka, Postgres and Valkey that `up` starts when no address of a server is set; all listen on 127.0.0.1 only."""
