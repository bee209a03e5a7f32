-- Staging of one batch, emptied at each commit; columns in the order of the states in schemas/folds.
CREATE TEMPORARY TABLE stage_message (
    tenant_id text, message_id uuid, recorded_at timestamptz, fingerprint text COLLATE "C", conversation_id uuid, customer_id uuid,
    channel text, direction text, fact text, kind text, author text, text text, content jsonb, at timestamptz, whatsapp_id text COLLATE "C",
    genesys_id text COLLATE "C", genesys_conversation_id text COLLATE "C", sent_at timestamptz, delivered_at timestamptz,
    read_at timestamptz, played_at timestamptz, failed_at timestamptz, failure_code text COLLATE "C",
    failure_reason text COLLATE "C", edited_at timestamptz, revoked_at timestamptz) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE stage_remote_id (
    tenant_id text, platform text, remote_id text, message_id uuid, part integer) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE stage_status_event (
    tenant_id text, message_id uuid, event_id uuid, type text, at timestamptz, recorded_at timestamptz, part integer,
    parts integer, code text, reason text) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE stage_receipt (
    tenant_id text, genesys_id text, event_id uuid, type text, at timestamptz, recorded_at timestamptz, code text,
    reason text) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE stage_attempt (
    tenant_id text, delivery_id uuid, platform text, part integer, term bigint, attempt integer, parts integer, events_offset bigint,
    attempted_at timestamptz, ended_at timestamptz, result text, rank integer, status integer, code text COLLATE "C",
    reason text COLLATE "C", context_id text COLLATE "C") ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE stage_conversation (
    tenant_id text, conversation_id uuid, customer_id uuid, channel text COLLATE "C", subject text COLLATE "C",
    opened_at timestamptz, last_inbound_at timestamptz, last_outbound_at timestamptz, closed_at timestamptz) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE stage_customer (
    tenant_id text, customer_id uuid, name text COLLATE "C", name_at timestamptz, username text COLLATE "C",
    username_at timestamptz, first_seen_at timestamptz, last_seen_at timestamptz) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE stage_customer_alias (
    tenant_id text, kind text, value text, customer_id uuid, first_at timestamptz) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE stage_customer_link (
    tenant_id text, customer_id uuid, linked_id uuid, at timestamptz) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE stage_dead_letter (
    tenant_id text, topic text, partition integer, "offset" bigint, reason text, origin text, handler text, attempts integer,
    at timestamptz, bytes bytea) ON COMMIT DELETE ROWS;
