-- Customers who wrote: new in the period in which they were first seen, returning in any later one.
WITH writing AS (
    SELECT DISTINCT t.tenant_id, CASE %(by)s WHEN 'total' THEN %(since)s::timestamptz ELSE date_trunc(%(by)s, e.at, 'UTC') END AS period, t.channel, t.customer_id
      FROM api.thread t
      JOIN api.exchange e ON e.tenant_id = t.tenant_id AND e.conversation_id = t.conversation_id
     WHERE t.tenant_id = ANY (%(tenants)s) AND t.last_activity_at >= %(since)s
       AND (%(channel)s::text IS NULL OR t.channel = %(channel)s)
       AND e.direction = 'inbound' AND e.at >= %(since)s AND e.at < %(until)s
)
SELECT row_to_json(shown)::text
  FROM (SELECT w.tenant_id, w.period, w.channel, count(*) AS customers,
               count(*) FILTER (WHERE c.first_seen_at >= w.period) AS new,
               count(*) FILTER (WHERE c.first_seen_at < w.period) AS returning
          FROM writing w JOIN api.customer c USING (tenant_id, customer_id)
         GROUP BY 1, 2, 3 ORDER BY 2, 1, 3) shown;
