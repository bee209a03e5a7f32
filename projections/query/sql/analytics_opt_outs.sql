-- Kinds of message that customers chose not to get, or to get again, by the time of the choice that stands.
SELECT row_to_json(shown)::text
  FROM (SELECT tenant_id, CASE %(by)s WHEN 'total' THEN %(since)s::timestamptz ELSE date_trunc(%(by)s, at, 'UTC') END AS period, name AS category,
               count(*) FILTER (WHERE value = 'yes') AS opted_out, count(*) FILTER (WHERE value = 'no') AS opted_in
          FROM api.customer_field
         WHERE tenant_id = ANY (%(tenants)s) AND kind = 'opt_out' AND at >= %(since)s AND at < %(until)s
         GROUP BY 1, 2, 3 ORDER BY 2, 1, 3) shown;
