-- A task that could not be done is due again soon.
UPDATE relaylog.upkeep
   SET ended_at = now(), result = %(result)s,
       begun_at = CASE WHEN %(again)s THEN now() - make_interval(secs => %(every)s - %(soon)s) ELSE begun_at END
 WHERE task = %(task)s;
