-- Everything that an agent's desk needs about a Genesys conversation: the thread, its customer over all identities, the
-- customer's other threads, the last messages with their states, and until when the customer may be written to freely.
WITH thread AS (
    SELECT c.*
      FROM api.genesys_conversation g JOIN api.conversation c USING (tenant_id, conversation_id)
     WHERE g.tenant_id = ANY (%(tenants)s) AND g.genesys_conversation_id = %(genesys_conversation_id)s
     ORDER BY g.first_at DESC, g.conversation_id LIMIT 1
)
SELECT row_to_json(shown)::text
  FROM (SELECT %(genesys_conversation_id)s::text AS genesys_conversation_id, t.tenant_id, t.body AS conversation,
               CASE WHEN t.state = 'waiting' THEN coalesce(
                   (SELECT min(m.at) FROM api.message m
                     WHERE m.tenant_id = t.tenant_id AND m.conversation_id = t.conversation_id AND m.direction = 'inbound'
                       AND m.at > greatest(t.last_outbound_at, t.served_at, '-infinity')), t.queued_at) END AS waiting_since,
               api.customer_body(t.tenant_id, t.customer_id) AS customer,
               -- whatsapp.md section 6: 24 hours from what the customer last wrote, by WhatsApp's own time.
               json_build_object('open', coalesce(t.last_inbound_at + interval '24 hours' > now(), false),
                                 'ends_at', t.last_inbound_at + interval '24 hours') AS "window",
               (SELECT coalesce(json_agg(m.body ORDER BY m.log_position, m.message_id), '[]')
                  FROM (SELECT * FROM api.message l
                         WHERE l.tenant_id = t.tenant_id AND l.conversation_id = t.conversation_id
                         ORDER BY l.log_position DESC, l.message_id DESC LIMIT %(messages)s) m) AS messages,
               (SELECT coalesce(json_agg(o.body ORDER BY o.last_activity_at DESC, o.conversation_id), '[]')
                  FROM (SELECT c.* FROM api.person_of(t.tenant_id, t.customer_id) p
                          JOIN api.conversation c ON c.tenant_id = t.tenant_id AND c.customer_id = p.customer_id
                         WHERE c.conversation_id <> t.conversation_id
                         ORDER BY c.last_activity_at DESC, c.conversation_id LIMIT %(threads)s) o) AS other_conversations
          FROM thread t) shown;
