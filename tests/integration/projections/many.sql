-- One tenant with many messages in many threads; `:messages` and `:threads` say how many.
INSERT INTO generation_0001.message (
    tenant_id, message_id, recorded_at, fingerprint, conversation_id, customer_id, channel, direction, fact, kind, text, at,
    whatsapp_id, genesys_conversation_id, sent_at, failed_at, failure_code, failure_reason, log_position, statuses)
SELECT 'acme', md5('m' || n)::uuid, at, '0', md5('t' || n % :threads)::uuid, md5('c' || n % :threads)::uuid, '1',
       CASE WHEN n % 2 = 0 THEN 'inbound' ELSE 'outbound' END, 'message.received', 'text', 'Hello', at, 'wamid.' || n,
       'g-' || n % :threads, at, CASE WHEN n % 5 = 0 THEN at END, CASE WHEN n % 5 = 0 THEN '1' END,
       CASE WHEN n % 5 = 0 THEN 'x' END, n,
       jsonb_build_object(md5('s' || n)::uuid || '/0', jsonb_build_array('status.failed', at, at))
  FROM generate_series(1, :messages) n CROSS JOIN LATERAL (SELECT '2026-11-22T10:00:00Z'::timestamptz + n * '1 s'::interval AS at) t;
INSERT INTO generation_0001.attempt (tenant_id, delivery_id, platform, part, term, attempt, parts, events_offset, attempted_at)
SELECT 'acme', md5(k || n)::uuid, 'genesys', 1, 0, 1, 1, n, '2026-11-22T10:00:00Z'
  FROM generate_series(1, :messages) n CROSS JOIN (VALUES ('m'), ('s')) kinds (k);
INSERT INTO generation_0001.conversation (tenant_id, conversation_id, customer_id, channel, opened_at, last_inbound_at, detailed)
SELECT 'acme', md5('t' || n)::uuid, md5('c' || n)::uuid, '1', '2026-11-22T10:00:00Z', '2026-11-22T10:00:00Z'::timestamptz + n * '1 s'::interval, 1
  FROM generate_series(0, :threads - 1) n;
INSERT INTO generation_0001.genesys_conversation
SELECT 'acme', md5('t' || n)::uuid, 'g-' || n, '2026-11-22T10:00:00Z' FROM generate_series(0, :threads - 1) n;
INSERT INTO generation_0001.conversation_event (tenant_id, conversation_id, event_id, recorded_at, fingerprint, type, at, role)
SELECT 'acme', md5('t' || n % :threads)::uuid, md5('e' || n)::uuid, '2026-11-22T10:00:00Z', '0', 'conversation.queued',
       '2026-11-22T10:00:00Z'::timestamptz + n * '1 s'::interval, NULL FROM generate_series(1, :messages) n;
INSERT INTO generation_0001.customer (tenant_id, customer_id, pseudonym, first_seen_at)
SELECT 'acme', md5('c' || n)::uuid, 'pseudonym-' || n, '2026-11-22T10:00:00Z' FROM generate_series(0, :messages - 1) n;
INSERT INTO generation_0001.customer_alias (tenant_id, kind, value, customer_id, first_at)
SELECT 'acme', 'wa_id', '44' || n, md5('c' || n)::uuid, '2026-11-22T10:00:00Z' FROM generate_series(0, :messages - 1) n;
INSERT INTO generation_0001.context_version (tenant_id, customer_id, version, document, by, at, log_position)
SELECT 'acme', md5('c' || n)::uuid, md5('v' || n)::uuid, '{}', 'crm', '2026-11-22T10:00:00Z', n FROM generate_series(0, :messages - 1) n;
