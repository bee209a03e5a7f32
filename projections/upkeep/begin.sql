-- A row only where the task is due; of several workers that ask, one gets it.
INSERT INTO relaylog.upkeep AS u (task, begun_at) VALUES (%(task)s, now())
ON CONFLICT (task) DO UPDATE SET begun_at = excluded.begun_at, ended_at = NULL, result = ''
 WHERE u.begun_at <= now() - make_interval(secs => %(every)s)
RETURNING task;
