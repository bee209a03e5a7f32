-- What queries see: views on the live generation, bound to the first schema of the search path when they are created.
-- `body` is the resource as the API and the cache show it.
DROP VIEW IF EXISTS api.message, api.status_event, api.receipt, api.attempt, api.remote_id, api.conversation,
    api.conversation_event, api.participant, api.conversation_field, api.genesys_conversation, api.customer, api.customer_alias,
    api.customer_link, api.customer_field, api.context_version, api.dead_letter;

-- What a conversation's times amount to. A message that could not be delivered counts while nothing came after it;
-- WhatsApp tells times in whole seconds.
CREATE OR REPLACE FUNCTION api.conversation_state(
    last_inbound timestamptz, last_outbound timestamptz, revived timestamptz, queued timestamptz, served timestamptz,
    closed timestamptz, failed timestamptz, message_failed timestamptz) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN closed >= greatest(last_inbound, last_outbound, revived, queued, served, '-infinity') THEN 'closed'
    WHEN failed >= greatest(last_inbound, last_outbound, revived, queued, served, '-infinity')
      OR message_failed >= date_trunc('second', greatest(last_inbound, last_outbound) AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' THEN 'error'
    WHEN greatest(last_inbound, queued, '-infinity') > greatest(last_outbound, served, '-infinity') THEN 'waiting'
    WHEN last_outbound IS NULL AND served IS NULL THEN 'waiting'
    ELSE 'active' END;

CREATE VIEW api.message WITH (security_invoker = true) AS
SELECT m.tenant_id, m.message_id, m.conversation_id, m.at, m.fact, m.whatsapp_id, m.genesys_id,
       m.genesys_conversation_id, m.customer_id, m.edited_at, m.revoked_at, m.revision, m.log_position,
       (SELECT row_to_json(shown) FROM (SELECT
            m.message_id AS id, m.tenant_id, m.conversation_id, m.customer_id, m.channel, m.direction, m.kind, m.text, m.content,
            m.content -> 'media' AS media, m.content ->> 'refers_to' AS reply_to, m.author, m.status, m.at, m.whatsapp_id, m.genesys_id, m.genesys_conversation_id, m.sent_at, m.delivered_at,
            m.read_at, m.played_at, m.failed_at, m.failure_code, m.failure_reason, m.edited_at, m.revoked_at, m.redriven_at) shown) AS body
  FROM message m
 WHERE m.recorded_at IS NOT NULL;

CREATE VIEW api.status_event WITH (security_invoker = true) AS SELECT * FROM status_event;
CREATE VIEW api.receipt WITH (security_invoker = true) AS SELECT * FROM receipt;
CREATE VIEW api.attempt WITH (security_invoker = true) AS SELECT * FROM attempt;
CREATE VIEW api.remote_id WITH (security_invoker = true) AS SELECT * FROM remote_id;
CREATE VIEW api.conversation_event WITH (security_invoker = true) AS SELECT * FROM conversation_event;
CREATE VIEW api.participant WITH (security_invoker = true) AS SELECT * FROM participant;
CREATE VIEW api.conversation_field WITH (security_invoker = true) AS SELECT * FROM conversation_field;
CREATE VIEW api.genesys_conversation WITH (security_invoker = true) AS SELECT * FROM genesys_conversation;
CREATE VIEW api.customer_alias WITH (security_invoker = true) AS SELECT * FROM customer_alias;
CREATE VIEW api.customer_link WITH (security_invoker = true) AS SELECT * FROM customer_link;
CREATE VIEW api.customer_field WITH (security_invoker = true) AS SELECT * FROM customer_field;
CREATE VIEW api.context_version WITH (security_invoker = true) AS SELECT * FROM context_version;

CREATE VIEW api.conversation WITH (security_invoker = true) AS
SELECT c.tenant_id, c.conversation_id, c.customer_id, c.channel, c.last_activity_at, c.last_inbound_at, c.last_outbound_at,
       c.queued_at, c.served_at, s.state, c.revision,
       (SELECT row_to_json(shown) FROM (SELECT
            c.conversation_id AS id, c.tenant_id, c.customer_id, c.channel, c.subject,
            ARRAY(SELECT g.genesys_conversation_id FROM genesys_conversation g
                   WHERE g.tenant_id = c.tenant_id AND g.conversation_id = c.conversation_id
                   ORDER BY g.first_at, g.genesys_conversation_id) AS genesys_conversation_ids,
            s.state,
            CASE s.state WHEN 'closed' THEN nullif(c.closed_reason, '')
                         WHEN 'error' THEN CASE WHEN f.failed_at >= c.failed_at OR c.failed_at IS NULL THEN f.failure_reason
                                                ELSE c.failure_reason END END AS state_reason,
            CASE WHEN s.state <> 'error' THEN NULL
                 WHEN f.failed_at >= c.failed_at OR c.failed_at IS NULL THEN f.failure_code ELSE c.failure_code END AS failure_code,
            c.opened_at, c.last_activity_at, c.last_inbound_at, c.last_outbound_at, c.closed_at, c.messages_in, c.messages_out,
            c.priority,
            CASE WHEN c.detailed IS NULL THEN '[]'
                 ELSE (SELECT coalesce(json_agg(a.name ORDER BY a.name), '[]') FROM conversation_field a
                        WHERE a.tenant_id = c.tenant_id AND a.conversation_id = c.conversation_id AND a.kind = 'label'
                          AND a.value IS NOT NULL) END AS labels,
            CASE WHEN c.detailed IS NULL THEN '{}'
                 ELSE (SELECT coalesce(json_object_agg(a.name, a.value ORDER BY a.name), '{}') FROM conversation_field a
                        WHERE a.tenant_id = c.tenant_id AND a.conversation_id = c.conversation_id AND a.kind = 'attribute'
                          AND a.value IS NOT NULL) END AS attributes,
            CASE WHEN c.detailed IS NULL THEN '[]'
                 ELSE (SELECT coalesce(json_agg(json_build_object(
                                  'id', p.participant_id, 'role', p.role, 'name', p.name, 'user_id', p.user_id, 'queue_id', p.queue_id,
                                  'genesys_conversation_id', p.genesys_conversation_id, 'joined_at', p.first_joined_at,
                                  'left_at', CASE WHEN p.left_at >= p.joined_at OR p.joined_at IS NULL THEN p.left_at END,
                                  'present', coalesce(p.joined_at > greatest(p.left_at, c.closed_at, '-infinity'), false))
                                  ORDER BY p.first_joined_at, p.participant_id), '[]')
                         FROM participant p
                        WHERE p.tenant_id = c.tenant_id AND p.conversation_id = c.conversation_id) END AS participants) shown) AS body
  FROM conversation c
  LEFT JOIN LATERAL (
       SELECT m.failed_at, m.failure_code, m.failure_reason FROM message m
        WHERE m.tenant_id = c.tenant_id AND m.conversation_id = c.conversation_id AND m.status = 'failed'
          AND m.failed_at >= date_trunc('second', c.last_activity_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
        ORDER BY m.failed_at DESC, m.message_id LIMIT 1) f ON true
 CROSS JOIN LATERAL (
       SELECT api.conversation_state(c.last_inbound_at, c.last_outbound_at, c.revived_at, c.queued_at, c.served_at, c.closed_at,
                                     c.failed_at, f.failed_at) AS state) s
 WHERE c.opened_at IS NOT NULL;

CREATE VIEW api.customer WITH (security_invoker = true) AS
SELECT c.tenant_id, c.customer_id, c.pseudonym, c.name, c.name_at, c.username, c.username_at, c.first_seen_at, c.last_seen_at
  FROM customer c;

CREATE VIEW api.dead_letter WITH (security_invoker = true) AS
SELECT d.tenant_id, d.topic, d.partition, d."offset", d.at,
       (SELECT row_to_json(shown) FROM (SELECT
            concat_ws('/', d.topic, d.partition, d."offset") AS id, nullif(d.tenant_id, '') AS tenant_id, d.topic, d.partition,
            d."offset", d.letter_id,
            -- What was both, by two people at once, was redriven: the greatest of the two marks.
            CASE (SELECT max(k.mark) FROM dead_letter k
                   WHERE k.tenant_id = d.tenant_id AND k.letter_id = d.letter_id AND k.mark IS NOT NULL)
                WHEN 'redrives' THEN 'redriven' WHEN 'discards' THEN 'discarded' ELSE 'open' END AS state,
            d.reason, d.origin, d.handler, d.attempts, d.at, encode(d.bytes, 'base64') AS bytes) shown) AS body
  FROM dead_letter d
 WHERE d.mark IS NULL;

GRANT SELECT ON ALL TABLES IN SCHEMA api TO relaylog_writer, relaylog_query, relaylog_operator;
