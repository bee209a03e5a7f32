-- Plans are made while the tables are empty, and kept: none of them may read a table from end to end.
SET enable_seqscan = off;

-- Staging of one batch, emptied at each commit. One table for all, since to empty a table costs about as much as to fill it;
-- a view for each, with its columns in the order of the states in schemas/folds. (Barriers: no cast may meet another's row.)
CREATE TEMPORARY TABLE stage (
    table_name text COLLATE "C",
    c1 text COLLATE "C", c2 text COLLATE "C", c3 text COLLATE "C", c4 text COLLATE "C", c5 text COLLATE "C", c6 text COLLATE "C",
    c7 text COLLATE "C", c8 text COLLATE "C", c9 text COLLATE "C", c10 text COLLATE "C", c11 text COLLATE "C", c12 text COLLATE "C",
    c13 text COLLATE "C", c14 text COLLATE "C", c15 text COLLATE "C", c16 text COLLATE "C", c17 text COLLATE "C", c18 text COLLATE "C",
    c19 text COLLATE "C", c20 text COLLATE "C", c21 text COLLATE "C", c22 text COLLATE "C", c23 text COLLATE "C", c24 text COLLATE "C",
    c25 text COLLATE "C", c26 text COLLATE "C", c27 text COLLATE "C", c28 text COLLATE "C", c29 text COLLATE "C") ON COMMIT DELETE ROWS;
CREATE TEMPORARY VIEW stage_message WITH (security_barrier) AS SELECT
    c1 AS tenant_id, c2::uuid AS message_id, c3::timestamptz AS recorded_at, c4 AS fingerprint, c5::uuid AS
    conversation_id, c6::uuid AS customer_id, c7 AS channel, c8 AS direction, c9 AS fact, c10 AS kind, c11 AS
    author, c12 AS text, c13::jsonb AS content, c14::timestamptz AS at, c15 AS whatsapp_id, c16 AS genesys_id, c17
    AS genesys_conversation_id, c18::timestamptz AS sent_at, c19::timestamptz AS delivered_at, c20::timestamptz AS
    read_at, c21::timestamptz AS played_at, c22::timestamptz AS failed_at, c23 AS failure_code, c24 AS
    failure_reason, c25::timestamptz AS edited_at, c26::timestamptz AS revoked_at,
    c27::timestamptz AS redriven_at, c28::bigint AS log_position, c29::jsonb AS statuses
    FROM stage WHERE table_name = 'message';
CREATE TEMPORARY VIEW stage_remote_id WITH (security_barrier) AS SELECT
    c1 AS tenant_id, c2 AS platform, c3 AS remote_id, c4::uuid AS message_id, c5::integer AS part
    FROM stage WHERE table_name = 'remote_id';
CREATE TEMPORARY VIEW stage_receipt WITH (security_barrier) AS SELECT
    c1 AS tenant_id, c2 AS genesys_id, c3::uuid AS event_id, c4 AS type, c5::timestamptz AS at, c6::timestamptz AS
    recorded_at, c7 AS code, c8 AS reason
    FROM stage WHERE table_name = 'receipt';
CREATE TEMPORARY VIEW stage_attempt WITH (security_barrier) AS SELECT
    c1 AS tenant_id, c2::uuid AS delivery_id, c3 AS platform, c4::integer AS part, c5::bigint AS term, c6::integer
    AS attempt, c7::integer AS parts, c8::bigint AS events_offset, c9::timestamptz AS attempted_at, c10::timestamptz
    AS ended_at, c11 AS result, c12::integer AS rank, c13::integer AS status, c14 AS code, c15 AS reason, c16 AS
    context_id
    FROM stage WHERE table_name = 'attempt';
-- Grouped, and not joined, with the counts that the merge of messages stages: a join of staged rows is planned for a few of them.
CREATE TEMPORARY VIEW stage_conversation WITH (security_barrier) AS SELECT
    c1 AS tenant_id, c2::uuid AS conversation_id, max(c3)::uuid AS customer_id, max(c4) AS channel, max(c5) AS subject,
    max(c6)::timestamptz AS opened_at, max(c7)::timestamptz AS last_inbound_at, max(c8)::timestamptz AS last_outbound_at,
    max(c9)::integer AS detailed, max(c10)::timestamptz AS revived_at, max(c11)::timestamptz AS queued_at,
    max(c12)::timestamptz AS served_at, max(c13)::timestamptz AS closed_at, max(c14) AS closed_reason,
    max(c15)::timestamptz AS failed_at, max(c16) AS failure_code, max(c17) AS failure_reason, max(c18)::integer AS priority,
    max(c19)::timestamptz AS priority_at, coalesce(sum(c20::integer), 0)::integer AS messages_in,
    coalesce(sum(c21::integer), 0)::integer AS messages_out
    FROM stage WHERE table_name = 'conversation' GROUP BY c1, c2;
CREATE TEMPORARY VIEW stage_message_hour WITH (security_barrier) AS SELECT
    c1 AS tenant_id, c2::timestamptz AS hour, c3 AS channel, c4 AS direction, c5 AS author, c6 AS failure_code,
    c7::bigint AS messages, c8::bigint AS sent, c9::bigint AS delivered, c10::bigint AS read
    FROM stage WHERE table_name = 'message_hour';
CREATE TEMPORARY VIEW stage_conversation_event WITH (security_barrier) AS SELECT
    c1 AS tenant_id, c2::uuid AS conversation_id, c3::uuid AS event_id, c4::timestamptz AS recorded_at,
    c5 AS fingerprint, c6 AS type, c7::timestamptz AS at, c8 AS genesys_conversation_id, c9 AS participant_id,
    c10 AS role, c11 AS user_id, c12 AS queue_id, c13 AS name, c14 AS code, c15 AS reason, c16::jsonb AS changed
    FROM stage WHERE table_name = 'conversation_event';
CREATE TEMPORARY VIEW stage_participant WITH (security_barrier) AS SELECT
    c1 AS tenant_id, c2::uuid AS conversation_id, c3 AS participant_id, c4 AS role, c5 AS genesys_conversation_id,
    c6 AS user_id, c7 AS queue_id, c8 AS name, c9::timestamptz AS first_joined_at, c10::timestamptz AS joined_at,
    c11::timestamptz AS left_at
    FROM stage WHERE table_name = 'participant';
CREATE TEMPORARY VIEW stage_conversation_field WITH (security_barrier) AS SELECT
    c1 AS tenant_id, c2::uuid AS conversation_id, c3 AS kind, c4 AS name, c5 AS value, c6::timestamptz AS at,
    c7::uuid AS event_id
    FROM stage WHERE table_name = 'conversation_field';
CREATE TEMPORARY VIEW stage_genesys_conversation WITH (security_barrier) AS SELECT
    c1 AS tenant_id, c2::uuid AS conversation_id, c3 AS genesys_conversation_id, c4::timestamptz AS first_at
    FROM stage WHERE table_name = 'genesys_conversation';
CREATE TEMPORARY VIEW stage_customer WITH (security_barrier) AS SELECT
    c1 AS tenant_id, c2::uuid AS customer_id, c3 AS pseudonym, c4 AS name, c5::timestamptz AS name_at, c6 AS username,
    c7::timestamptz AS username_at, c8::timestamptz AS first_seen_at, c9::timestamptz AS last_seen_at
    FROM stage WHERE table_name = 'customer';
CREATE TEMPORARY VIEW stage_customer_alias WITH (security_barrier) AS SELECT
    c1 AS tenant_id, c2 AS kind, c3 AS value, c4::uuid AS customer_id, c5::timestamptz AS first_at,
    c6::timestamptz AS ended_at
    FROM stage WHERE table_name = 'customer_alias';
CREATE TEMPORARY VIEW stage_customer_link WITH (security_barrier) AS SELECT
    c1 AS tenant_id, c2::uuid AS customer_id, c3::uuid AS linked_id, c4::timestamptz AS at
    FROM stage WHERE table_name = 'customer_link';
CREATE TEMPORARY VIEW stage_customer_field WITH (security_barrier) AS SELECT
    c1 AS tenant_id, c2::uuid AS customer_id, c3 AS kind, c4 AS name, c5 AS value, c6::timestamptz AS at,
    c7::uuid AS event_id
    FROM stage WHERE table_name = 'customer_field';
CREATE TEMPORARY VIEW stage_context_version WITH (security_barrier) AS SELECT
    c1 AS tenant_id, c2::uuid AS customer_id, c3::uuid AS version, c4::uuid AS replaces, c5::jsonb AS document,
    c6 AS by, c7::timestamptz AS at, c8::bigint AS log_position
    FROM stage WHERE table_name = 'context_version';
CREATE TEMPORARY VIEW stage_dead_letter WITH (security_barrier) AS SELECT
    c1 AS tenant_id, c2 AS topic, c3::integer AS partition, c4::bigint AS "offset", c5 AS reason, c6 AS origin, c7
    AS handler, c8::integer AS attempts, c9::timestamptz AS at, c10::bytea AS bytes, c11 AS letter_id, c12 AS
    context_id, c13 AS mark
    FROM stage WHERE table_name = 'dead_letter';
