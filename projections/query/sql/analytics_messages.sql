-- Messages by their own time, and how far they came since.
WITH coded AS (
    SELECT tenant_id, CASE %(by)s WHEN 'total' THEN %(since)s::timestamptz ELSE date_trunc(%(by)s, hour, 'UTC') END AS period,
           channel, direction, nullif(author, '') AS author, failure_code, sum(messages) AS messages, sum(sent) AS sent,
           sum(delivered) AS delivered, sum(read) AS read
      FROM api.message_hour
     WHERE tenant_id = ANY (%(tenants)s) AND hour >= %(since)s AND hour < %(until)s
       AND (%(channel)s::text IS NULL OR channel = %(channel)s)
     GROUP BY 1, 2, 3, 4, 5, 6
)
SELECT row_to_json(shown)::text
  FROM (SELECT tenant_id, period, channel, direction, author, sum(messages)::bigint AS messages, sum(sent)::bigint AS sent,
               sum(delivered)::bigint AS delivered, sum(read)::bigint AS read,
               coalesce(sum(messages) FILTER (WHERE failure_code <> ''), 0)::bigint AS failed,
               coalesce(json_object_agg(failure_code, messages ORDER BY failure_code) FILTER (WHERE failure_code <> ''), '{}') AS failures
          FROM coded GROUP BY 1, 2, 3, 4, 5 ORDER BY 2, 1, 3, 4, 5) shown;
