-- A message as of one or several instants, by what is known now: null while it was not said yet. Ids are shown as they are
-- known now: they name the message, they are no state of it.
SELECT CASE WHEN m.at <= t.instant THEN (m.body::jsonb || jsonb_build_object(
           'status', api.message_status(s.sent, s.delivered, s.read, s.played, f.failed_at, r.redriven),
           'sent_at', s.sent, 'delivered_at', s.delivered, 'read_at', s.read, 'played_at', s.played,
           'failed_at', f.failed_at, 'failure_code', f.code, 'failure_reason', f.reason, 'redriven_at', r.redriven,
           'revoked_at', CASE WHEN m.revoked_at <= t.instant THEN m.revoked_at END,
           'edited_at', CASE WHEN m.edited_at <= t.instant THEN m.edited_at ELSE (
               SELECT max(e.at) FROM api.message e
                WHERE e.tenant_id = m.tenant_id AND e.conversation_id = m.conversation_id AND e.fact = 'message.edited'
                  AND e.reply_to = m.whatsapp_id AND e.at <= t.instant) END))::text END
  FROM api.message m
 CROSS JOIN unnest(%(instants)s::timestamptz[]) WITH ORDINALITY t (instant, place)
 CROSS JOIN LATERAL (SELECT CASE WHEN m.sent_at <= t.instant THEN m.sent_at END AS sent,
                            CASE WHEN m.delivered_at <= t.instant THEN m.delivered_at END AS delivered,
                            CASE WHEN m.read_at <= t.instant THEN m.read_at END AS read,
                            CASE WHEN m.played_at <= t.instant THEN m.played_at END AS played) s
  LEFT JOIN LATERAL (SELECT x.failed_at, x.code, x.reason FROM api.message_failure x
                      WHERE x.tenant_id = m.tenant_id AND x.message_id = m.message_id AND x.failed_at <= t.instant
                      ORDER BY x.failed_at DESC, x.code DESC, x.reason DESC LIMIT 1) f ON true
  LEFT JOIN LATERAL (SELECT max(x.redriven_at) AS redriven FROM api.message_failure x
                      WHERE x.tenant_id = m.tenant_id AND x.message_id = m.message_id AND x.redriven_at <= t.instant) r ON true
 WHERE m.tenant_id = ANY (%(tenants)s) AND m.message_id = %(id)s
 ORDER BY t.place;
