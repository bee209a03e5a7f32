(SELECT coalesce(m.at, greatest(m.sent_at, m.delivered_at, m.read_at, m.played_at, m.failed_at, m.edited_at, m.revoked_at, m.redriven_at))
   FROM {message} m WHERE m.tenant_id = t.tenant_id AND m.message_id = t.message_id)
