(%(tenant)s::text IS NULL OR t.tenant_id = %(tenant)s::text)
   AND (NOT {windowed} OR (t.tenant_id, {thread}) IN (
        SELECT m.tenant_id, m.conversation_id::text FROM {message} m
         WHERE m.at >= coalesce(%(since)s::timestamptz, '-infinity') AND m.at < coalesce(%(until)s::timestamptz, 'infinity')))
   AND NOT {expired}
