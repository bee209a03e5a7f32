"""What shows: folds of the log in Postgres, a cache in Redis, queries over HTTP; rebuilt and verified from the log."""
