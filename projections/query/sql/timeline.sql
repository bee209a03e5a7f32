-- Everything that touched one message. WhatsApp tells times in whole seconds, so the message itself is put first.
WITH shown AS (
    SELECT tenant_id, message_id, fact, at, genesys_id, edited_at, revoked_at
      FROM api.message WHERE tenant_id = ANY (%(tenants)s) AND message_id = %(id)s
), statuses AS (
    -- OFFSET: the planner must look at this message only, not at all messages.
    SELECT s.* FROM shown m CROSS JOIN LATERAL (
           SELECT * FROM api.status_event e WHERE e.tenant_id = m.tenant_id AND e.message_id = m.message_id OFFSET 0) s
), deliveries AS (
    SELECT tenant_id, message_id AS delivery_id, false AS for_receipt FROM shown
    UNION
    SELECT tenant_id, event_id, true FROM statuses
), attempts AS (
    SELECT a.*, d.for_receipt FROM deliveries d JOIN api.attempt a USING (tenant_id, delivery_id)
), events AS (
    SELECT 0 AS place, fact AS type, at AS time, NULL AS platform, NULL::integer AS part, NULL::integer AS parts,
           NULL::integer AS attempt, NULL::integer AS status, NULL AS code, NULL AS reason, NULL AS context_id, false AS for_receipt
      FROM shown
    UNION ALL
    SELECT 1, 'message.edited', edited_at, 'whatsapp', NULL, NULL, NULL, NULL, NULL, NULL, NULL, false
      FROM shown WHERE edited_at IS NOT NULL
    UNION ALL
    SELECT 1, 'message.revoked', revoked_at, 'whatsapp', NULL, NULL, NULL, NULL, NULL, NULL, NULL, false
      FROM shown WHERE revoked_at IS NOT NULL
    UNION ALL
    SELECT 1, type, at, CASE WHEN type <> 'delivery.redriven' THEN 'whatsapp' END, part, parts, NULL, NULL, nullif(code, ''),
           nullif(reason, ''), NULL, false
      FROM statuses
    UNION ALL
    SELECT 1, 'delivery.attempted', attempted_at, platform, part, parts, attempt, NULL, NULL, NULL, NULL, for_receipt
      FROM attempts WHERE attempted_at IS NOT NULL
    UNION ALL
    SELECT 2, 'delivery.' || result, ended_at, platform, part, parts, attempt, status, nullif(code, ''), nullif(reason, ''),
           context_id, for_receipt
      FROM attempts WHERE result IS NOT NULL
    UNION ALL
    SELECT 2, r.type, r.at, 'genesys', NULL, NULL, NULL, NULL, nullif(r.code, ''), nullif(r.reason, ''), NULL, false
      FROM shown m JOIN api.receipt r USING (tenant_id, genesys_id)
)
SELECT row_to_json(e)::text
  FROM (SELECT type, time, platform, part, parts, attempt, status, code, reason, context_id, for_receipt
          FROM events ORDER BY place > 0, time, place, type, part, attempt) e;
