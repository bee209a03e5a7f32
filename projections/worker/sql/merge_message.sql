-- MessageState.join. What the merged rows imply for conversations follows in the same statement: the Genesys
-- conversation of a message is known once both the message and its acceptance are, in whichever order they came.
WITH merged AS (
    INSERT INTO message AS m (
        tenant_id, message_id, recorded_at, fingerprint, conversation_id, customer_id, channel, direction, fact, kind, author, text,
        content, at, whatsapp_id, genesys_id, genesys_conversation_id, sent_at, delivered_at, read_at, played_at, failed_at,
        failure_code, failure_reason, edited_at, revoked_at, redriven_at, log_position, statuses)
    SELECT * FROM stage_message ORDER BY tenant_id, message_id
    ON CONFLICT (tenant_id, message_id) DO UPDATE SET
        recorded_at     = CASE WHEN coalesce((m.recorded_at, m.fingerprint) <= (excluded.recorded_at, excluded.fingerprint), m.recorded_at IS NOT NULL) THEN m.recorded_at ELSE excluded.recorded_at END,
        fingerprint     = CASE WHEN coalesce((m.recorded_at, m.fingerprint) <= (excluded.recorded_at, excluded.fingerprint), m.recorded_at IS NOT NULL) THEN m.fingerprint ELSE excluded.fingerprint END,
        conversation_id = CASE WHEN coalesce((m.recorded_at, m.fingerprint) <= (excluded.recorded_at, excluded.fingerprint), m.recorded_at IS NOT NULL) THEN m.conversation_id ELSE excluded.conversation_id END,
        customer_id     = CASE WHEN coalesce((m.recorded_at, m.fingerprint) <= (excluded.recorded_at, excluded.fingerprint), m.recorded_at IS NOT NULL) THEN m.customer_id ELSE excluded.customer_id END,
        channel         = CASE WHEN coalesce((m.recorded_at, m.fingerprint) <= (excluded.recorded_at, excluded.fingerprint), m.recorded_at IS NOT NULL) THEN m.channel ELSE excluded.channel END,
        direction       = CASE WHEN coalesce((m.recorded_at, m.fingerprint) <= (excluded.recorded_at, excluded.fingerprint), m.recorded_at IS NOT NULL) THEN m.direction ELSE excluded.direction END,
        fact            = CASE WHEN coalesce((m.recorded_at, m.fingerprint) <= (excluded.recorded_at, excluded.fingerprint), m.recorded_at IS NOT NULL) THEN m.fact ELSE excluded.fact END,
        kind            = CASE WHEN coalesce((m.recorded_at, m.fingerprint) <= (excluded.recorded_at, excluded.fingerprint), m.recorded_at IS NOT NULL) THEN m.kind ELSE excluded.kind END,
        author          = CASE WHEN coalesce((m.recorded_at, m.fingerprint) <= (excluded.recorded_at, excluded.fingerprint), m.recorded_at IS NOT NULL) THEN m.author ELSE excluded.author END,
        text            = CASE WHEN coalesce((m.recorded_at, m.fingerprint) <= (excluded.recorded_at, excluded.fingerprint), m.recorded_at IS NOT NULL) THEN m.text ELSE excluded.text END,
        content         = CASE WHEN coalesce((m.recorded_at, m.fingerprint) <= (excluded.recorded_at, excluded.fingerprint), m.recorded_at IS NOT NULL) THEN m.content ELSE excluded.content END,
        at              = CASE WHEN coalesce((m.recorded_at, m.fingerprint) <= (excluded.recorded_at, excluded.fingerprint), m.recorded_at IS NOT NULL) THEN m.at ELSE excluded.at END,
        whatsapp_id             = least(m.whatsapp_id, excluded.whatsapp_id),
        genesys_id              = least(m.genesys_id, excluded.genesys_id),
        genesys_conversation_id = least(m.genesys_conversation_id, excluded.genesys_conversation_id),
        sent_at                 = least(m.sent_at, excluded.sent_at),
        delivered_at            = least(m.delivered_at, excluded.delivered_at),
        read_at                 = least(m.read_at, excluded.read_at),
        played_at               = least(m.played_at, excluded.played_at),
        failed_at               = greatest(m.failed_at, excluded.failed_at),
        failure_code   = CASE WHEN coalesce((m.failed_at, m.failure_code, m.failure_reason) >= (excluded.failed_at, excluded.failure_code, excluded.failure_reason), m.failed_at IS NOT NULL) THEN m.failure_code ELSE excluded.failure_code END,
        failure_reason = CASE WHEN coalesce((m.failed_at, m.failure_code, m.failure_reason) >= (excluded.failed_at, excluded.failure_code, excluded.failure_reason), m.failed_at IS NOT NULL) THEN m.failure_reason ELSE excluded.failure_reason END,
        edited_at               = greatest(m.edited_at, excluded.edited_at),
        revoked_at              = least(m.revoked_at, excluded.revoked_at),
        redriven_at             = greatest(m.redriven_at, excluded.redriven_at),
        log_position            = least(m.log_position, excluded.log_position),
        statuses                = coalesce(m.statuses || excluded.statuses, m.statuses, excluded.statuses),
        revision                = m.revision + 1
    RETURNING m.tenant_id, new.conversation_id, new.genesys_conversation_id, new.at, new.failed_at, new.direction,
        new.recorded_at IS NOT NULL AS shown, new.channel, new.author, new.status, new.failure_code,
        old.recorded_at IS NOT NULL AS was_shown, old.conversation_id AS former_id, old.at AS former_at,
        old.direction AS former_direction, old.channel AS former_channel, old.author AS former_author,
        old.status AS former_status, old.failure_code AS former_code
), linked AS (
    INSERT INTO genesys_conversation AS g (tenant_id, conversation_id, genesys_conversation_id, first_at)
    SELECT tenant_id, conversation_id, genesys_conversation_id, min(at)
      FROM merged
     WHERE conversation_id IS NOT NULL AND genesys_conversation_id IS NOT NULL
     GROUP BY tenant_id, conversation_id, genesys_conversation_id
     ORDER BY tenant_id, conversation_id, genesys_conversation_id
    ON CONFLICT (tenant_id, conversation_id, genesys_conversation_id) DO UPDATE SET first_at = excluded.first_at
     WHERE excluded.first_at < g.first_at
    RETURNING g.tenant_id, g.conversation_id
), steps AS (
    -- A message counts once its content is known, in the thread that its content names.
    SELECT tenant_id, conversation_id, (direction = 'inbound')::integer AS messages_in, (direction = 'outbound')::integer AS messages_out
      FROM merged WHERE shown AND (NOT was_shown OR (conversation_id, direction) <> (former_id, former_direction))
    UNION ALL
    SELECT tenant_id, former_id, -(former_direction = 'inbound')::integer, -(former_direction = 'outbound')::integer
      FROM merged WHERE was_shown AND (conversation_id, direction) <> (former_id, former_direction)
    UNION ALL
    SELECT tenant_id, conversation_id, 0, 0 FROM linked
    UNION ALL
    SELECT tenant_id, conversation_id, 0, 0 FROM merged WHERE failed_at IS NOT NULL AND conversation_id IS NOT NULL
), counted AS (
    SELECT tenant_id, at, channel, direction, author, status, failure_code, 1 AS n FROM merged WHERE shown
    UNION ALL
    SELECT tenant_id, former_at, former_channel, former_direction, former_author, former_status, former_code, -1
      FROM merged WHERE was_shown
)
INSERT INTO stage (table_name, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c20, c21)
SELECT 'conversation', tenant_id, conversation_id::text, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
       sum(messages_in)::text, sum(messages_out)::text
  FROM steps GROUP BY tenant_id, conversation_id
UNION ALL
SELECT 'message_hour', tenant_id, date_trunc('hour', at, 'UTC')::text, channel, direction, coalesce(author, ''),
       CASE WHEN status = 'failed' THEN coalesce(nullif(failure_code, ''), 'unknown') ELSE '' END, sum(n)::text,
       coalesce(sum(n) FILTER (WHERE status IN ('sent', 'delivered', 'read', 'played')), 0)::text,
       coalesce(sum(n) FILTER (WHERE status IN ('delivered', 'read', 'played')), 0)::text,
       coalesce(sum(n) FILTER (WHERE status IN ('read', 'played')), 0)::text, NULL, NULL
  FROM counted GROUP BY 2, 3, 4, 5, 6, 7;
