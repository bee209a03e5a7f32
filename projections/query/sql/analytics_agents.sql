-- Agents and bots in conversations, by the time at which they joined.
SELECT row_to_json(shown)::text
  FROM (SELECT h.tenant_id, CASE %(by)s WHEN 'total' THEN %(since)s::timestamptz ELSE date_trunc(%(by)s, h.joined_at, 'UTC') END AS period, t.channel, h.role,
               h.user_id, h.queue_id, count(*) AS joined, count(DISTINCT h.conversation_id) AS conversations,
               count(*) FILTER (WHERE h.ended_at IS NULL) AS present,
               coalesce(sum(extract(epoch FROM h.ended_at - h.joined_at)), 0)::float8 AS handle_seconds
          FROM api.handling h JOIN api.thread t USING (tenant_id, conversation_id)
         WHERE h.tenant_id = ANY (%(tenants)s) AND h.joined_at >= %(since)s AND h.joined_at < %(until)s
           AND (%(channel)s::text IS NULL OR t.channel = %(channel)s)
         GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 2, 1, 3, 4, 5, 6) shown;
