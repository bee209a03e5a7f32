-- All that the caller sees, over all its tenants, as one row.
WITH session AS (
    SELECT s.* FROM api.thread t
     CROSS JOIN LATERAL (SELECT * FROM api.session s WHERE s.tenant_id = t.tenant_id AND s.conversation_id = t.conversation_id) s
     WHERE t.tenant_id = ANY (%(tenants)s) AND t.last_activity_at >= %(since)s
       AND (%(channel)s::text IS NULL OR t.channel = %(channel)s) AND s.started_at >= %(since)s AND s.started_at < %(until)s
), writing AS (
    SELECT DISTINCT t.tenant_id, CASE %(by)s WHEN 'total' THEN %(since)s::timestamptz ELSE date_trunc(%(by)s, e.at, 'UTC') END AS period, t.channel, t.customer_id
      FROM api.thread t
      JOIN api.exchange e ON e.tenant_id = t.tenant_id AND e.conversation_id = t.conversation_id
     WHERE t.tenant_id = ANY (%(tenants)s) AND t.last_activity_at >= %(since)s
       AND (%(channel)s::text IS NULL OR t.channel = %(channel)s)
       AND e.direction = 'inbound' AND e.at >= %(since)s AND e.at < %(until)s
), volume AS (
    SELECT coalesce(sum(messages) FILTER (WHERE direction = 'inbound'), 0)::bigint AS messages_in,
           coalesce(sum(messages) FILTER (WHERE direction = 'outbound'), 0)::bigint AS messages_out,
           coalesce(sum(sent) FILTER (WHERE direction = 'outbound'), 0)::bigint AS sent,
           coalesce(sum(delivered) FILTER (WHERE direction = 'outbound'), 0)::bigint AS delivered,
           coalesce(sum(read) FILTER (WHERE direction = 'outbound'), 0)::bigint AS read,
           coalesce(sum(messages) FILTER (WHERE direction = 'outbound' AND failure_code <> ''), 0)::bigint AS failed
      FROM api.message_hour
     WHERE tenant_id = ANY (%(tenants)s) AND hour >= %(since)s AND hour < %(until)s
       AND (%(channel)s::text IS NULL OR channel = %(channel)s)
)
SELECT row_to_json(shown)::text
  FROM (SELECT volume.*, delivered::float8 / nullif(sent, 0) AS delivery_rate, read::float8 / nullif(delivered, 0) AS read_rate,
               (SELECT count(*) FROM session) AS sessions, (SELECT count(closed_at) FROM session) AS closed,
               (SELECT count(first_response_at) FROM session) AS answered,
               (SELECT avg(extract(epoch FROM first_response_at - first_inbound_at))::float8 FROM session) AS first_response_seconds,
               (SELECT count(DISTINCT (tenant_id, customer_id)) FROM writing) AS customers
          FROM volume) shown;
