coalesce(t.attempted_at, t.ended_at)
