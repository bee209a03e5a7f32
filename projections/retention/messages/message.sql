coalesce(t.at, greatest(t.sent_at, t.delivered_at, t.read_at, t.played_at, t.failed_at, t.edited_at, t.revoked_at, t.redriven_at))
