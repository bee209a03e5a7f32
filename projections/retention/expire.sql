-- Rows of all tenants that are past their time, in a few blocks of the table: small, without an index, and in one pass.
DELETE FROM {table} t
 USING relaylog.retention_cut c
 WHERE t.ctid >= %(first)s::tid AND t.ctid < %(end)s::tid
   AND c.tenant_id = t.tenant_id AND c.kind = %(kind)s AND {age} < c.before;
