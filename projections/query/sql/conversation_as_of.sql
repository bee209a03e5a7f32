-- A conversation as of one or several instants, by what is known now: null while it had not begun.
SELECT CASE WHEN c.opened_at <= t.instant THEN (c.body::jsonb || jsonb_build_object(
           'genesys_conversation_ids', ARRAY(
               SELECT g.genesys_conversation_id FROM api.genesys_conversation g
                WHERE g.tenant_id = c.tenant_id AND g.conversation_id = c.conversation_id AND g.first_at <= t.instant
                ORDER BY g.first_at, g.genesys_conversation_id),
           'state', s.state,
           'state_reason', CASE s.state WHEN 'closed' THEN nullif(closed.reason, '') WHEN 'error' THEN
               CASE WHEN undelivered.failed_at >= broken.at OR broken.at IS NULL THEN undelivered.reason ELSE broken.reason END END,
           'failure_code', CASE WHEN s.state <> 'error' THEN NULL
               WHEN undelivered.failed_at >= broken.at OR broken.at IS NULL THEN undelivered.code ELSE broken.code END,
           'last_inbound_at', m.last_inbound, 'last_outbound_at', m.last_outbound,
           'last_activity_at', coalesce(greatest(m.last_inbound, m.last_outbound), c.opened_at),
           'closed_at', closed.at, 'messages_in', m.messages_in, 'messages_out', m.messages_out, 'priority', priority.value,
           'labels', noted.labels, 'attributes', noted.attributes,
           'participants', p.participants))::text END
  FROM api.conversation c
 CROSS JOIN unnest(%(instants)s::timestamptz[]) WITH ORDINALITY t (instant, place)
 CROSS JOIN LATERAL (
       SELECT max(l.at) FILTER (WHERE l.direction = 'inbound') AS last_inbound,
              max(l.at) FILTER (WHERE l.direction = 'outbound') AS last_outbound,
              count(*) FILTER (WHERE l.direction = 'inbound') AS messages_in,
              count(*) FILTER (WHERE l.direction = 'outbound') AS messages_out
         FROM api.message l
        WHERE l.tenant_id = c.tenant_id AND l.conversation_id = c.conversation_id AND l.at <= t.instant) m
 CROSS JOIN LATERAL (
       SELECT max(e.at) FILTER (WHERE e.type = 'conversation.opened') AS revived,
              max(e.at) FILTER (WHERE e.type = 'conversation.queued') AS queued,
              max(e.at) FILTER (WHERE e.type = 'conversation.participant_joined' AND e.role IN ('agent', 'bot')) AS served
         FROM api.conversation_event e
        WHERE e.tenant_id = c.tenant_id AND e.conversation_id = c.conversation_id AND e.at <= t.instant) e
  LEFT JOIN LATERAL (
       SELECT e.at, e.reason FROM api.conversation_event e
        WHERE e.tenant_id = c.tenant_id AND e.conversation_id = c.conversation_id AND e.at <= t.instant
          AND e.type = 'conversation.closed'
        ORDER BY e.at DESC, e.reason DESC LIMIT 1) closed ON true
  LEFT JOIN LATERAL (
       SELECT e.at, e.code, e.reason FROM api.conversation_event e
        WHERE e.tenant_id = c.tenant_id AND e.conversation_id = c.conversation_id AND e.at <= t.instant
          AND e.type = 'conversation.failed'
        ORDER BY e.at DESC, e.code DESC, e.reason DESC LIMIT 1) broken ON true
  LEFT JOIN LATERAL (
       SELECT (e.changed ->> 'priority')::integer AS value FROM api.conversation_event e
        WHERE e.tenant_id = c.tenant_id AND e.conversation_id = c.conversation_id AND e.at <= t.instant
          AND e.changed ->> 'priority' IS NOT NULL
        ORDER BY e.at DESC, (e.changed ->> 'priority')::integer DESC LIMIT 1) priority ON true
  LEFT JOIN LATERAL (
       -- The last message that could not be delivered by then.
       SELECT f.failed_at, f.code, f.reason
         FROM api.message l
        CROSS JOIN LATERAL (SELECT x.failed_at, x.code, x.reason FROM api.message_failure x
                             WHERE x.tenant_id = l.tenant_id AND x.message_id = l.message_id AND x.failed_at <= t.instant
                             ORDER BY x.failed_at DESC, x.code DESC, x.reason DESC LIMIT 1) f
        CROSS JOIN LATERAL (SELECT max(x.redriven_at) AS redriven FROM api.message_failure x
                             WHERE x.tenant_id = l.tenant_id AND x.message_id = l.message_id AND x.redriven_at <= t.instant) r
        WHERE l.tenant_id = c.tenant_id AND l.conversation_id = c.conversation_id AND l.failed_at IS NOT NULL AND l.at <= t.instant
          AND f.failed_at >= date_trunc('second', greatest(m.last_inbound, m.last_outbound) AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
          AND api.message_status(NULL, CASE WHEN l.delivered_at <= t.instant THEN l.delivered_at END,
                                 CASE WHEN l.read_at <= t.instant THEN l.read_at END,
                                 CASE WHEN l.played_at <= t.instant THEN l.played_at END, f.failed_at, r.redriven) = 'failed'
        ORDER BY f.failed_at DESC, l.message_id LIMIT 1) undelivered ON true
 CROSS JOIN LATERAL (
       SELECT api.conversation_state(m.last_inbound, m.last_outbound, e.revived, e.queued, e.served, closed.at, broken.at,
                                     undelivered.failed_at) AS state) s
 CROSS JOIN LATERAL (
       SELECT coalesce(jsonb_agg(jsonb_build_object(
                  'id', j.participant_id, 'role', j.role, 'name', j.name, 'user_id', j.user_id, 'queue_id', j.queue_id,
                  'genesys_conversation_id', j.genesys_conversation_id, 'joined_at', j.first_joined,
                  'left_at', CASE WHEN j.left_at >= j.joined OR j.joined IS NULL THEN j.left_at END,
                  'present', coalesce(j.joined > greatest(j.left_at, closed.at, '-infinity'), false))
                  ORDER BY j.first_joined, j.participant_id), '[]') AS participants
         FROM (SELECT e.participant_id, min(e.role) AS role, max(e.name) AS name, min(e.user_id) AS user_id,
                      min(e.queue_id) AS queue_id, min(e.genesys_conversation_id) AS genesys_conversation_id,
                      min(e.at) FILTER (WHERE e.type = 'conversation.participant_joined') AS first_joined,
                      max(e.at) FILTER (WHERE e.type = 'conversation.participant_joined') AS joined,
                      max(e.at) FILTER (WHERE e.type = 'conversation.participant_left') AS left_at
                 FROM api.conversation_event e
                WHERE e.tenant_id = c.tenant_id AND e.conversation_id = c.conversation_id AND e.at <= t.instant
                  AND e.participant_id IS NOT NULL
                GROUP BY e.participant_id) j) p
 CROSS JOIN LATERAL (
       SELECT coalesce(jsonb_agg(n.name ORDER BY n.name) FILTER (WHERE n.kind = 'labels'), '[]') AS labels,
              coalesce(jsonb_object_agg(n.name, n.value) FILTER (WHERE n.kind = 'attributes'), '{}') AS attributes
         FROM (SELECT DISTINCT ON (k.kind, v.key) k.kind, v.key AS name, v.value
                 FROM api.conversation_event e
                CROSS JOIN (VALUES ('labels'), ('attributes')) k (kind)
                CROSS JOIN LATERAL jsonb_each_text(e.changed -> k.kind) v
                WHERE e.tenant_id = c.tenant_id AND e.conversation_id = c.conversation_id AND e.at <= t.instant
                  AND e.changed IS NOT NULL
                ORDER BY k.kind, v.key, e.at DESC, e.event_id DESC) n
        WHERE n.value IS NOT NULL) noted
 WHERE c.tenant_id = ANY (%(tenants)s) AND c.conversation_id = %(id)s
 ORDER BY t.place;
