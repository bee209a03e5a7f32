(SELECT min(m.conversation_id::text) FROM {message} m WHERE m.tenant_id = t.tenant_id AND m.{named} = t.{column})
