-- Waits in queues, by the time at which they began.
SELECT row_to_json(shown)::text
  FROM (SELECT q.tenant_id, CASE %(by)s WHEN 'total' THEN %(since)s::timestamptz ELSE date_trunc(%(by)s, q.queued_at, 'UTC') END AS period, t.channel, q.queue_id,
               count(*) AS queued, count(*) FILTER (WHERE q.answered) AS answered,
               count(*) FILTER (WHERE NOT q.answered) AS abandoned, count(*) FILTER (WHERE q.ended_at IS NULL) AS waiting,
               avg(extract(epoch FROM q.ended_at - q.queued_at)) FILTER (WHERE q.answered)::float8 AS waiting_seconds,
               percentile_disc(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM q.ended_at - q.queued_at))
                   FILTER (WHERE q.answered)::float8 AS waiting_p90_seconds
          FROM api.queueing q JOIN api.thread t USING (tenant_id, conversation_id)
         WHERE q.tenant_id = ANY (%(tenants)s) AND q.queued_at >= %(since)s AND q.queued_at < %(until)s
           AND (%(channel)s::text IS NULL OR t.channel = %(channel)s)
         GROUP BY 1, 2, 3, 4 ORDER BY 2, 1, 3, 4) shown;
