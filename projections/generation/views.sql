-- What queries see: views on the live generation, bound to the first schema of the search path when they are created.
-- `body` is the resource as the API and the cache show it.
DROP VIEW IF EXISTS api.message_hour, api.session, api.exchange, api.thread, api.handling, api.queueing, api.message,
    api.message_failure, api.status_event, api.receipt, api.attempt, api.remote_id, api.conversation,
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

-- Status of a message of which these times are known; as the column that is stored (tables.sql).
CREATE OR REPLACE FUNCTION api.message_status(
    sent timestamptz, delivered timestamptz, read timestamptz, played timestamptz, failed timestamptz, redriven timestamptz)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN played IS NOT NULL THEN 'played'
    WHEN read IS NOT NULL THEN 'read'
    WHEN delivered IS NOT NULL THEN 'delivered'
    WHEN failed IS NOT NULL AND (redriven IS NULL OR failed >= CASE
         WHEN failed AT TIME ZONE 'UTC' = date_trunc('second', failed AT TIME ZONE 'UTC')
         THEN date_trunc('second', redriven AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' ELSE redriven END) THEN 'failed'
    WHEN sent IS NOT NULL THEN 'sent'
    ELSE 'pending' END;

CREATE VIEW api.message WITH (security_invoker = true) AS
SELECT m.tenant_id, m.message_id, m.conversation_id, m.direction, m.at, m.fact, m.whatsapp_id, m.genesys_id,
       m.genesys_conversation_id, m.customer_id, m.sent_at, m.delivered_at, m.read_at, m.played_at, m.failed_at, m.failure_code,
       m.failure_reason, m.edited_at, m.revoked_at, m.redriven_at, m.content ->> 'refers_to' AS reply_to, m.revision, m.log_position,
       (SELECT row_to_json(shown) FROM (SELECT
            m.message_id AS id, m.tenant_id, m.conversation_id, m.customer_id, m.channel, m.direction, m.kind, m.text, m.content,
            m.content -> 'media' AS media, m.content ->> 'refers_to' AS reply_to, m.author, m.status, m.at, m.whatsapp_id, m.genesys_id, m.genesys_conversation_id, m.sent_at, m.delivered_at,
            m.read_at, m.played_at, m.failed_at, m.failure_code, m.failure_reason, m.edited_at, m.revoked_at, m.redriven_at) shown) AS body
  FROM message m
 WHERE m.recorded_at IS NOT NULL;

-- Of the copies of a fact the one recorded first.
CREATE VIEW api.status_event WITH (security_invoker = true) AS
SELECT DISTINCT ON (m.tenant_id, m.message_id, (left(e.key, 36)::uuid))
       m.tenant_id, m.message_id, left(e.key, 36)::uuid AS event_id, e.value ->> 0 AS type, (e.value ->> 1)::timestamptz AS at,
       (e.value ->> 2)::timestamptz AS recorded_at, coalesce((e.value ->> 3)::integer, 1) AS part,
       coalesce((e.value ->> 4)::integer, 1) AS parts, coalesce(e.value ->> 5, '') AS code, coalesce(e.value ->> 6, '') AS reason
  FROM message m CROSS JOIN jsonb_each(m.statuses) e
 ORDER BY m.tenant_id, m.message_id, (left(e.key, 36)::uuid), e.value ->> 2, e.key COLLATE "C";
CREATE VIEW api.receipt WITH (security_invoker = true) AS SELECT * FROM receipt;
CREATE VIEW api.attempt WITH (security_invoker = true) AS SELECT * FROM attempt;
CREATE VIEW api.remote_id WITH (security_invoker = true) AS SELECT * FROM remote_id;
CREATE VIEW api.conversation_event WITH (security_invoker = true) AS SELECT * FROM conversation_event;
CREATE VIEW api.participant WITH (security_invoker = true) AS SELECT * FROM participant;
CREATE VIEW api.conversation_field WITH (security_invoker = true) AS SELECT * FROM conversation_field;

-- Every time that a message could not be delivered: a status of WhatsApp's, or a delivery that was given up; and every time
-- that it was to be sent again.
CREATE VIEW api.message_failure WITH (security_invoker = true) AS
SELECT s.tenant_id, s.message_id, s.at AS failed_at, NULL::timestamptz AS redriven_at, s.code, s.reason
  FROM api.status_event s WHERE s.type = 'status.failed'
UNION ALL
SELECT s.tenant_id, s.message_id, NULL, s.at, '', '' FROM api.status_event s WHERE s.type = 'delivery.redriven' AND s.code <> 'receipt'
UNION ALL
SELECT a.tenant_id, a.delivery_id, a.ended_at, NULL, a.code, a.reason FROM attempt a WHERE a.result IN ('expired', 'dead_lettered')
UNION ALL
SELECT m.tenant_id, m.message_id, m.failed_at, NULL, m.failure_code, m.failure_reason FROM message m WHERE m.failed_at IS NOT NULL;

CREATE VIEW api.genesys_conversation WITH (security_invoker = true) AS SELECT * FROM genesys_conversation;
CREATE VIEW api.customer_alias WITH (security_invoker = true) AS SELECT * FROM customer_alias;
CREATE VIEW api.customer_link WITH (security_invoker = true) AS SELECT * FROM customer_link;
CREATE VIEW api.customer_field WITH (security_invoker = true) AS SELECT * FROM customer_field;
CREATE VIEW api.context_version WITH (security_invoker = true) AS SELECT * FROM context_version;

CREATE VIEW api.conversation WITH (security_invoker = true) AS
SELECT c.tenant_id, c.conversation_id, c.customer_id, c.channel, c.last_activity_at, c.last_inbound_at, c.last_outbound_at,
       c.queued_at, c.served_at, c.opened_at, s.state, c.revision,
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

-- Every identity of the person that one identity belongs to: linked by a change of number or user id or by a service, or
-- known by the same number or user id at the same time. A number that was given up may be a stranger's afterwards.
-- (STRICT keeps the planner from taking the body in, and ROWS tells it what to expect: else it reads whole tables to join them.)
CREATE OR REPLACE FUNCTION api.person_of(tenant text, identity uuid) RETURNS TABLE (customer_id uuid)
LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 2 AS $$
    WITH RECURSIVE person AS (
        SELECT identity AS customer_id
        UNION
        SELECT n.customer_id FROM person p CROSS JOIN LATERAL (
            SELECT l.linked_id AS customer_id FROM api.customer_link l
             WHERE l.tenant_id = tenant AND l.customer_id = p.customer_id
            UNION ALL
            SELECT other.customer_id
              FROM api.customer_alias own JOIN api.customer_alias other
                ON other.tenant_id = tenant AND other.kind = own.kind AND other.value = own.value
             WHERE own.tenant_id = tenant AND own.customer_id = p.customer_id AND other.customer_id <> own.customer_id
               AND own.first_at <= coalesce(other.ended_at, 'infinity') AND other.first_at <= coalesce(own.ended_at, 'infinity')) n
    )
    SELECT p.customer_id FROM person p
$$;

-- The context document of a person. Of several writes that replace the same version the first in the log counts; identities
-- that became one person keep their own documents, of which the one written last is the person's.
CREATE OR REPLACE FUNCTION api.context_of(tenant text, identity uuid)
RETURNS TABLE (customer_id uuid, version uuid, number integer, document jsonb, by text, at timestamptz)
LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 1 AS $$
    WITH RECURSIVE first AS (
        SELECT DISTINCT ON (v.customer_id) v.customer_id, v.version, 1 AS number
          FROM api.person_of(tenant, identity) p JOIN api.context_version v ON v.tenant_id = tenant AND v.customer_id = p.customer_id
         WHERE v.replaces IS NULL
         ORDER BY v.customer_id, v.log_position
    ), counted AS (
        SELECT f.customer_id, f.version, f.number FROM first f
        UNION ALL
        SELECT n.customer_id, n.version, c.number + 1
          FROM counted c CROSS JOIN LATERAL (
               SELECT v.customer_id, v.version FROM api.context_version v
                WHERE v.tenant_id = tenant AND v.customer_id = c.customer_id AND v.replaces = c.version
                ORDER BY v.log_position LIMIT 1) n
    ), latest AS (
        SELECT DISTINCT ON (c.customer_id) c.* FROM counted c ORDER BY c.customer_id, c.number DESC
    )
    SELECT v.customer_id, v.version, l.number, v.document, v.by, v.at
      FROM latest l CROSS JOIN LATERAL (
           SELECT w.* FROM api.context_version w
            WHERE w.tenant_id = tenant AND w.customer_id = l.customer_id AND w.version = l.version LIMIT 1) v
     ORDER BY v.log_position DESC LIMIT 1
$$;

-- A person as the API shows it, by any of its identities. The newest identity is the person's id.
CREATE OR REPLACE FUNCTION api.customer_body(tenant text, identity uuid) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH person AS (
        SELECT p.customer_id FROM api.person_of(tenant, identity) p
    ), known AS (
        SELECT c.* FROM person p JOIN api.customer c ON c.tenant_id = tenant AND c.customer_id = p.customer_id
    ), current AS (
        SELECT k.customer_id FROM known k ORDER BY k.first_seen_at DESC, k.customer_id LIMIT 1
    ), alias AS (
        SELECT a.kind, a.value, max(a.first_at) AS first_at, bool_and(a.ended_at IS NOT NULL) AS ended
          FROM person p JOIN api.customer_alias a ON a.tenant_id = tenant AND a.customer_id = p.customer_id
         GROUP BY a.kind, a.value
    ), field AS (
        SELECT DISTINCT ON (f.kind, f.name) f.kind, f.name, f.value
          FROM person p JOIN api.customer_field f ON f.tenant_id = tenant AND f.customer_id = p.customer_id
         ORDER BY f.kind, f.name, f.at DESC, f.event_id DESC
    )
    SELECT row_to_json(shown)
      FROM (SELECT current.customer_id AS id, tenant AS tenant_id,
                   (SELECT k.name FROM known k WHERE k.name IS NOT NULL ORDER BY k.name_at DESC, k.name LIMIT 1) AS name,
                   (SELECT k.username FROM known k WHERE k.username IS NOT NULL ORDER BY k.username_at DESC, k.username LIMIT 1) AS username,
                   (SELECT a.value FROM alias a WHERE a.kind = 'wa_id' ORDER BY a.ended, a.first_at DESC, a.value LIMIT 1) AS wa_id,
                   (SELECT a.value FROM alias a WHERE a.kind = 'user_id' ORDER BY a.ended, a.first_at DESC, a.value LIMIT 1) AS user_id,
                   (SELECT coalesce(json_agg(json_build_object('kind', a.kind, 'value', a.value, 'current', NOT a.ended)
                                             ORDER BY a.kind, a.value), '[]') FROM alias a) AS aliases,
                   ARRAY(SELECT k.customer_id FROM known k WHERE k.customer_id <> current.customer_id ORDER BY 1) AS merged_ids,
                   (SELECT coalesce(json_object_agg(f.name, f.value ORDER BY f.name), '{}') FROM field f
                     WHERE f.kind = 'profile' AND f.value IS NOT NULL) AS profile,
                   ARRAY(SELECT f.name FROM field f WHERE f.kind = 'opt_out' AND f.value = 'yes' ORDER BY 1) AS opted_out,
                   (SELECT row_to_json(c) FROM (SELECT x.version, x.number, x.document, x.by, x.at
                                                  FROM api.context_of(tenant, identity) x) c) AS context,
                   ARRAY(SELECT c.conversation_id FROM person p
                           JOIN api.conversation c ON c.tenant_id = tenant AND c.customer_id = p.customer_id
                          ORDER BY c.last_activity_at DESC, c.conversation_id LIMIT 100) AS conversation_ids,
                   (SELECT min(k.first_seen_at) FROM known k) AS first_seen_at,
                   (SELECT max(k.last_seen_at) FROM known k) AS last_seen_at
              FROM current) shown
$$;

CREATE VIEW api.dead_letter WITH (security_invoker = true) AS
SELECT d.tenant_id, d.topic, d.partition, d."offset", d.at,
       (SELECT row_to_json(shown) FROM (SELECT
            concat_ws('/', d.topic, d.partition, d."offset") AS id, nullif(d.tenant_id, '') AS tenant_id, d.topic, d.partition,
            d."offset", d.letter_id,
            -- What was both, by two people at once, was redriven: the greatest of the two marks.
            CASE (SELECT max(k.mark) FROM dead_letter k
                   WHERE k.tenant_id = d.tenant_id AND k.letter_id = d.letter_id AND k.mark IS NOT NULL)
                WHEN 'redrives' THEN 'redriven' WHEN 'discards' THEN 'discarded' ELSE 'open' END AS state,
            d.reason, d.origin, d.handler, d.attempts, d.context_id, d.at, encode(d.bytes, 'base64') AS bytes) shown) AS body
  FROM dead_letter d
 WHERE d.mark IS NULL;

GRANT SELECT ON ALL TABLES IN SCHEMA api TO relaylog_writer, relaylog_query, relaylog_operator;
