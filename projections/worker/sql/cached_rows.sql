-- The rows that the batch changed, as queries show them.
SELECT 'message', v.tenant_id, v.message_id::text, v.revision, v.body::text
  FROM stage_message s JOIN api.message v USING (tenant_id, message_id)
UNION ALL
SELECT 'conversation', v.tenant_id, v.conversation_id::text, v.revision, v.body::text
  FROM stage_conversation s JOIN api.conversation v USING (tenant_id, conversation_id);
