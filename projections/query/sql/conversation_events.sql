-- What happened to a conversation besides messages, in order of time.
SELECT row_to_json(shown)::text
  FROM (SELECT e.type, e.at AS time, e.genesys_conversation_id, e.participant_id, e.role, e.name, e.user_id, e.queue_id,
               nullif(e.code, '') AS code, nullif(e.reason, '') AS reason, e.changed, NULL AS state
          FROM api.conversation_event e
         WHERE e.tenant_id = ANY (%(tenants)s) AND e.conversation_id = %(id)s
         ORDER BY e.at, e.event_id) shown;
