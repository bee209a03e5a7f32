-- Sessions by the time of their first message.
WITH session AS (
    SELECT s.* FROM api.thread t
     CROSS JOIN LATERAL (SELECT * FROM api.session s WHERE s.tenant_id = t.tenant_id AND s.conversation_id = t.conversation_id) s
     WHERE t.tenant_id = ANY (%(tenants)s) AND t.last_activity_at >= %(since)s
       AND (%(channel)s::text IS NULL OR t.channel = %(channel)s) AND s.started_at >= %(since)s AND s.started_at < %(until)s
)
SELECT row_to_json(shown)::text
  FROM (SELECT tenant_id, CASE %(by)s WHEN 'total' THEN %(since)s::timestamptz ELSE date_trunc(%(by)s, started_at, 'UTC') END AS period, channel,
               count(*) AS sessions, sum(messages)::bigint AS messages, count(closed_at) AS closed,
               count(first_inbound_at) AS asked, count(first_response_at) AS answered,
               avg(extract(epoch FROM first_response_at - first_inbound_at))::float8 AS first_response_seconds,
               percentile_disc(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM first_response_at - first_inbound_at))::float8
                   AS first_response_p50_seconds,
               percentile_disc(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM first_response_at - first_inbound_at))::float8
                   AS first_response_p90_seconds,
               sum(waits)::bigint AS waits, sum(waited_seconds) / nullif(sum(waits), 0)::float8 AS waiting_seconds,
               avg(extract(epoch FROM closed_at - started_at))::float8 AS resolution_seconds,
               percentile_disc(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM closed_at - started_at))::float8
                   AS resolution_p50_seconds
          FROM session GROUP BY 1, 2, 3 ORDER BY 2, 1, 3) shown;
