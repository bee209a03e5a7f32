-- What queries see: views on the live generation, bound to the first schema of the search path when they are created.
-- `body` is the resource as the API and the cache show it.
DROP VIEW IF EXISTS api.message, api.status_event, api.receipt, api.attempt, api.remote_id, api.conversation,
    api.genesys_conversation, api.customer, api.customer_alias, api.customer_link, api.dead_letter;

CREATE VIEW api.message WITH (security_invoker = true) AS
SELECT m.tenant_id, m.message_id, m.conversation_id, m.at, m.fact, m.whatsapp_id, m.genesys_id,
       m.genesys_conversation_id, m.customer_id, m.edited_at, m.revoked_at, m.revision, m.log_position,
       (SELECT row_to_json(shown) FROM (SELECT
            m.message_id AS id, m.tenant_id, m.conversation_id, m.customer_id, m.channel, m.direction, m.kind, m.text, m.content,
            m.author, m.status, m.at, m.whatsapp_id, m.genesys_id, m.genesys_conversation_id, m.sent_at, m.delivered_at,
            m.read_at, m.played_at, m.failed_at, m.failure_code, m.failure_reason, m.edited_at, m.revoked_at, m.redriven_at) shown) AS body
  FROM message m
 WHERE m.recorded_at IS NOT NULL;

CREATE VIEW api.status_event WITH (security_invoker = true) AS SELECT * FROM status_event;
CREATE VIEW api.receipt WITH (security_invoker = true) AS SELECT * FROM receipt;
CREATE VIEW api.attempt WITH (security_invoker = true) AS SELECT * FROM attempt;
CREATE VIEW api.remote_id WITH (security_invoker = true) AS SELECT * FROM remote_id;
CREATE VIEW api.genesys_conversation WITH (security_invoker = true) AS SELECT * FROM genesys_conversation;
CREATE VIEW api.customer_alias WITH (security_invoker = true) AS SELECT * FROM customer_alias;
CREATE VIEW api.customer_link WITH (security_invoker = true) AS SELECT * FROM customer_link;

CREATE VIEW api.conversation WITH (security_invoker = true) AS
SELECT c.tenant_id, c.conversation_id, c.customer_id, c.last_activity_at, c.revision,
       (SELECT row_to_json(shown) FROM (SELECT
            c.conversation_id AS id, c.tenant_id, c.customer_id, c.channel, c.subject,
            ARRAY(SELECT g.genesys_conversation_id FROM genesys_conversation g
                   WHERE g.tenant_id = c.tenant_id AND g.conversation_id = c.conversation_id
                   ORDER BY g.first_at, g.genesys_conversation_id) AS genesys_conversation_ids,
            CASE WHEN c.closed_at >= c.last_activity_at THEN 'closed'
                 -- A failure that nothing came after, neither a message nor word that it did arrive. WhatsApp tells
                 -- times in whole seconds.
                 WHEN EXISTS (SELECT FROM message f
                               WHERE f.tenant_id = c.tenant_id AND f.conversation_id = c.conversation_id
                                 AND f.failed_at >= date_trunc('second', c.last_activity_at) AND f.status = 'failed') THEN 'error'
                 WHEN c.last_inbound_at > c.last_outbound_at OR c.last_outbound_at IS NULL THEN 'waiting'
                 ELSE 'active' END AS state,
            c.opened_at, c.last_activity_at, c.last_inbound_at, c.last_outbound_at, c.closed_at) shown) AS body
  FROM conversation c
 WHERE c.opened_at IS NOT NULL;

CREATE VIEW api.customer WITH (security_invoker = true) AS
SELECT c.tenant_id, c.customer_id, c.name, c.name_at, c.username, c.username_at, c.first_seen_at, c.last_seen_at
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
