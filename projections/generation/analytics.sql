-- What analytics queries see; created after the views.
CREATE VIEW api.message_hour WITH (security_invoker = true) AS SELECT * FROM message_hour;

-- What people, bots and services wrote to each other: relaylog's own notices answer nobody.
CREATE VIEW api.exchange WITH (security_invoker = true) AS
SELECT m.tenant_id, m.conversation_id, m.customer_id, m.channel, m.message_id, m.at, m.direction
  FROM message m
 WHERE m.recorded_at IS NOT NULL AND m.fact IN ('message.received', 'message.composed', 'message.echoed')
   AND m.author IS DISTINCT FROM 'relaylog';

CREATE VIEW api.thread WITH (security_invoker = true) AS
SELECT c.tenant_id, c.conversation_id, c.customer_id, c.channel, c.last_activity_at FROM conversation c;

-- Sessions of a thread. A Genesys conversation is reopened for days, so it is none: a session ends when it is closed, or 24 hours
-- (WhatsApp's service window) after its last message. Conditions on tenant and thread reach the tables through both windows.
CREATE VIEW api.session WITH (security_invoker = true) AS
WITH moment AS (
    SELECT e.tenant_id, e.conversation_id, e.channel, e.at, e.direction, e.message_id AS id FROM api.exchange e
    UNION ALL
    SELECT c.tenant_id, c.conversation_id, NULL, c.at, 'closed', c.event_id
      FROM conversation_event c WHERE c.type = 'conversation.closed'
), placed AS (
    SELECT moment.*, lag(at) OVER thread AS before, lag(direction) OVER thread AS direction_before
      FROM moment WINDOW thread AS (PARTITION BY tenant_id, conversation_id ORDER BY at, direction = 'closed', id)
), numbered AS (
    SELECT placed.*, count(*) FILTER (WHERE direction <> 'closed'
               AND (before IS NULL OR direction_before = 'closed' OR at - before > interval '24 hours')) OVER thread AS number
      FROM placed WINDOW thread AS (PARTITION BY tenant_id, conversation_id ORDER BY at, direction = 'closed', id)
), timed AS (
    SELECT numbered.*, min(at) FILTER (WHERE direction = 'inbound') OVER session AS first_inbound_at,
           -- Where the customer begins to wait: no question before this one is open.
           CASE WHEN direction = 'inbound' AND lag(direction) OVER ordered IS DISTINCT FROM 'inbound'
                THEN min(at) FILTER (WHERE direction = 'outbound') OVER (
                         PARTITION BY tenant_id, conversation_id, number ORDER BY at, direction = 'closed', id
                         ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) - at END AS waited
      FROM numbered
    WINDOW session AS (PARTITION BY tenant_id, conversation_id, number),
           ordered AS (PARTITION BY tenant_id, conversation_id, number ORDER BY at, direction = 'closed', id)
)
SELECT tenant_id, conversation_id, number, min(channel) AS channel, min(at) FILTER (WHERE direction <> 'closed') AS started_at,
       max(at) FILTER (WHERE direction <> 'closed') AS last_message_at, min(at) FILTER (WHERE direction = 'closed') AS closed_at,
       min(first_inbound_at) AS first_inbound_at,
       min(at) FILTER (WHERE direction = 'outbound' AND at >= first_inbound_at) AS first_response_at,
       count(*) FILTER (WHERE direction <> 'closed') AS messages, count(waited) AS waits,
       coalesce(sum(extract(epoch FROM waited)), 0)::float8 AS waited_seconds
  FROM timed WHERE number > 0
 GROUP BY tenant_id, conversation_id, number;

-- An agent or bot in a conversation, from joining until leaving, joining again, or the end; null while it goes on.
CREATE VIEW api.handling WITH (security_invoker = true) AS
SELECT j.tenant_id, j.conversation_id, j.participant_id, j.role, j.user_id, j.queue_id, j.at AS joined_at,
       (SELECT min(n.at) FROM conversation_event n
         WHERE n.tenant_id = j.tenant_id AND n.conversation_id = j.conversation_id AND (n.at, n.event_id) > (j.at, j.event_id)
           AND (n.type = 'conversation.closed'
                OR (n.type IN ('conversation.participant_left', 'conversation.participant_joined')
                    AND n.participant_id = j.participant_id))) AS ended_at
  FROM conversation_event j
 WHERE j.type = 'conversation.participant_joined' AND j.role IN ('agent', 'bot');

-- A wait in a queue, until an agent or bot joins, or the conversation is closed without one.
CREATE VIEW api.queueing WITH (security_invoker = true) AS
SELECT q.tenant_id, q.conversation_id, q.queue_id, q.at AS queued_at, n.at AS ended_at,
       n.type = 'conversation.participant_joined' AS answered
  FROM conversation_event q
  LEFT JOIN LATERAL (
       SELECT e.at, e.type FROM conversation_event e
        WHERE e.tenant_id = q.tenant_id AND e.conversation_id = q.conversation_id AND (e.at, e.event_id) > (q.at, q.event_id)
          AND (e.type = 'conversation.closed'
               OR (e.type = 'conversation.participant_joined' AND e.role IN ('agent', 'bot')))
        ORDER BY e.at, e.event_id LIMIT 1) n ON true
 WHERE q.type = 'conversation.queued';

GRANT SELECT ON ALL TABLES IN SCHEMA api TO relaylog_writer, relaylog_query, relaylog_operator;
