-- Tables of one generation, created in the first schema of the search path.
-- Text that is compared (least, greatest, order) has the "C" collation, so that the fold in memory and the merge agree.

CREATE TABLE message (
    tenant_id               text COLLATE "C" NOT NULL,
    message_id              uuid NOT NULL,
    -- Of the copy of the fact whose content is shown; null while only statuses or outcomes of the message are known.
    recorded_at             timestamptz,
    fingerprint             text COLLATE "C",
    conversation_id         uuid,
    customer_id             uuid,
    channel                 text,
    direction               text,
    -- Type of the fact: message.received, message.composed, ...
    fact                    text,
    kind                    text,
    author                  text,
    text                    text,
    content                 jsonb,
    at                      timestamptz,
    whatsapp_id             text COLLATE "C",
    genesys_id              text COLLATE "C",
    genesys_conversation_id text COLLATE "C",
    sent_at                 timestamptz,
    delivered_at            timestamptz,
    read_at                 timestamptz,
    played_at               timestamptz,
    failed_at               timestamptz,
    failure_code            text COLLATE "C",
    failure_reason          text COLLATE "C",
    edited_at               timestamptz,
    revoked_at              timestamptz,
    -- When an operator last had it sent again.
    redriven_at             timestamptz,
    -- Offset in events of its first fact: the order in which a conversation is shown.
    log_position            bigint,
    -- Statuses and redrives as they came (schemas/folds/timeline.py); here, since a row of its own a status would cost more
    -- than all else that a status does.
    statuses                jsonb,
    -- whatsapp.md section 3: only upwards; whatever says that it arrived wins over a failure, and so does a redrive over
    -- those before it. WhatsApp tells times in whole seconds: such a failure may be later than its time says.
    status                  text NOT NULL GENERATED ALWAYS AS (
        CASE WHEN played_at IS NOT NULL THEN 'played'
             WHEN read_at IS NOT NULL THEN 'read'
             WHEN delivered_at IS NOT NULL THEN 'delivered'
             WHEN failed_at IS NOT NULL AND (redriven_at IS NULL OR failed_at >= CASE
                 WHEN failed_at AT TIME ZONE 'UTC' = date_trunc('second', failed_at AT TIME ZONE 'UTC')
                 THEN date_trunc('second', redriven_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
                 ELSE redriven_at END) THEN 'failed'
             WHEN sent_at IS NOT NULL THEN 'sent'
             ELSE 'pending' END) STORED,
    revision                bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, message_id)
) WITH (fillfactor = 80);
CREATE INDEX ON message (tenant_id, conversation_id, log_position, message_id);
CREATE INDEX ON message (tenant_id, whatsapp_id) WHERE whatsapp_id IS NOT NULL;
CREATE INDEX ON message (tenant_id, genesys_id) WHERE genesys_id IS NOT NULL;
CREATE INDEX ON message (tenant_id, conversation_id, failed_at) WHERE failed_at IS NOT NULL;

-- Every id that a platform gave to a message or to a part of it, as far as the message's own columns cannot hold it.
CREATE TABLE remote_id (
    tenant_id  text COLLATE "C" NOT NULL,
    platform   text COLLATE "C" NOT NULL,
    remote_id  text COLLATE "C" NOT NULL,
    message_id uuid NOT NULL,
    part       integer NOT NULL,
    PRIMARY KEY (tenant_id, platform, remote_id, message_id)
);
CREATE INDEX ON remote_id (tenant_id, message_id);

-- What Genesys says about a message that was posted there; it names the message by the id that Genesys gave it.
CREATE TABLE receipt (
    tenant_id   text COLLATE "C" NOT NULL,
    genesys_id  text COLLATE "C" NOT NULL,
    event_id    uuid NOT NULL,
    type        text COLLATE "C" NOT NULL,
    at          timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    code        text COLLATE "C" NOT NULL DEFAULT '',
    reason      text COLLATE "C" NOT NULL DEFAULT '',
    PRIMARY KEY (tenant_id, genesys_id, event_id)
);

CREATE TABLE attempt (
    tenant_id     text COLLATE "C" NOT NULL,
    -- Event id of the fact that first demanded the delivery: of a message, or of a status that demanded a receipt.
    delivery_id   uuid NOT NULL,
    platform      text COLLATE "C" NOT NULL,
    part          integer NOT NULL,
    -- Offset of the sender's takeover, within which attempts are counted.
    term          bigint NOT NULL,
    attempt       integer NOT NULL,
    parts         integer NOT NULL,
    -- Of the fact that demanded it this time; a redriven delivery has several.
    events_offset bigint NOT NULL,
    attempted_at  timestamptz,
    ended_at      timestamptz,
    -- failed, expired, dead_lettered, accepted: the last of them in this order is the result.
    result        text COLLATE "C",
    rank          integer NOT NULL DEFAULT 0,
    status        integer,
    code          text COLLATE "C" NOT NULL DEFAULT '',
    reason        text COLLATE "C" NOT NULL DEFAULT '',
    context_id    text COLLATE "C",
    PRIMARY KEY (tenant_id, delivery_id, platform, events_offset, part, term, attempt)
);

CREATE TABLE conversation (
    tenant_id        text COLLATE "C" NOT NULL,
    conversation_id  uuid NOT NULL,
    customer_id      uuid,
    channel          text COLLATE "C",
    subject          text COLLATE "C",
    opened_at        timestamptz,
    last_inbound_at  timestamptz,
    last_outbound_at timestamptz,
    -- 1 where facts other than messages are known of it; the rest, up to the priority, is only set then.
    detailed         integer,
    revived_at       timestamptz,
    queued_at        timestamptz,
    served_at        timestamptz,
    closed_at        timestamptz,
    closed_reason    text COLLATE "C",
    failed_at        timestamptz,
    failure_code     text COLLATE "C",
    failure_reason   text COLLATE "C",
    priority         integer,
    priority_at      timestamptz,
    -- Messages whose content is known: a recount of the table of messages.
    messages_in      integer NOT NULL DEFAULT 0,
    messages_out     integer NOT NULL DEFAULT 0,
    last_activity_at timestamptz GENERATED ALWAYS AS
        (coalesce(GREATEST(last_inbound_at, last_outbound_at), opened_at)) STORED,
    revision         bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, conversation_id)
) WITH (fillfactor = 80);
CREATE INDEX ON conversation (tenant_id, last_activity_at, conversation_id);
CREATE INDEX ON conversation (tenant_id, customer_id);

-- What happened to a conversation besides messages, one row a fact.
CREATE TABLE conversation_event (
    tenant_id               text COLLATE "C" NOT NULL,
    conversation_id         uuid NOT NULL,
    event_id                uuid NOT NULL,
    recorded_at             timestamptz NOT NULL,
    fingerprint             text COLLATE "C" NOT NULL,
    type                    text COLLATE "C" NOT NULL,
    at                      timestamptz NOT NULL,
    genesys_conversation_id text COLLATE "C",
    participant_id          text COLLATE "C",
    role                    text COLLATE "C",
    user_id                 text COLLATE "C",
    queue_id                text COLLATE "C",
    name                    text COLLATE "C",
    code                    text COLLATE "C" NOT NULL DEFAULT '',
    reason                  text COLLATE "C" NOT NULL DEFAULT '',
    -- What became of attributes, labels and priority, as far as the fact names them.
    changed                 jsonb,
    PRIMARY KEY (tenant_id, conversation_id, event_id)
);
CREATE INDEX ON conversation_event (tenant_id, at);

-- Who takes part; somebody is in it who has not left since joining, and joined after it was last closed.
CREATE TABLE participant (
    tenant_id               text COLLATE "C" NOT NULL,
    conversation_id         uuid NOT NULL,
    participant_id          text COLLATE "C" NOT NULL,
    role                    text COLLATE "C" NOT NULL,
    genesys_conversation_id text COLLATE "C",
    user_id                 text COLLATE "C",
    queue_id                text COLLATE "C",
    name                    text COLLATE "C",
    first_joined_at         timestamptz,
    joined_at               timestamptz,
    left_at                 timestamptz,
    PRIMARY KEY (tenant_id, conversation_id, participant_id)
);

-- Attributes and labels; a value of null was taken away.
CREATE TABLE conversation_field (
    tenant_id       text COLLATE "C" NOT NULL,
    conversation_id uuid NOT NULL,
    kind            text COLLATE "C" NOT NULL,
    name            text COLLATE "C" NOT NULL,
    value           text COLLATE "C",
    at              timestamptz NOT NULL,
    event_id        uuid NOT NULL,
    PRIMARY KEY (tenant_id, conversation_id, kind, name)
);

-- A thread has many Genesys conversations over time; one may be reopened within the threading window.
CREATE TABLE genesys_conversation (
    tenant_id               text COLLATE "C" NOT NULL,
    conversation_id         uuid NOT NULL,
    genesys_conversation_id text COLLATE "C" NOT NULL,
    first_at                timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, conversation_id, genesys_conversation_id)
);
CREATE INDEX ON genesys_conversation (tenant_id, genesys_conversation_id);

CREATE TABLE customer (
    tenant_id     text COLLATE "C" NOT NULL,
    customer_id   uuid NOT NULL,
    -- As the facts name it.
    pseudonym     text COLLATE "C",
    name          text COLLATE "C",
    name_at       timestamptz,
    username      text COLLATE "C",
    username_at   timestamptz,
    first_seen_at timestamptz,
    last_seen_at  timestamptz,
    revision      bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, customer_id)
) WITH (fillfactor = 80);

-- How the platforms name a customer: wa_id, user_id (BSUID), parent_user_id.
CREATE TABLE customer_alias (
    tenant_id   text COLLATE "C" NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    value       text COLLATE "C" NOT NULL,
    customer_id uuid NOT NULL,
    first_at    timestamptz NOT NULL,
    -- When the customer gave it up for another; a stranger may have it later.
    ended_at    timestamptz,
    PRIMARY KEY (tenant_id, kind, value, customer_id)
);
CREATE INDEX ON customer_alias (tenant_id, customer_id);

-- Two identities that are one person; each link is held in both directions.
CREATE TABLE customer_link (
    tenant_id   text COLLATE "C" NOT NULL,
    customer_id uuid NOT NULL,
    linked_id   uuid NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, customer_id, linked_id)
);

-- Fields of the profile, and kinds of message that the customer does not want (kind opt_out, value yes or no).
CREATE TABLE customer_field (
    tenant_id   text COLLATE "C" NOT NULL,
    customer_id uuid NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    name        text COLLATE "C" NOT NULL,
    value       text COLLATE "C",
    at          timestamptz NOT NULL,
    event_id    uuid NOT NULL,
    PRIMARY KEY (tenant_id, customer_id, kind, name)
);

-- Context documents as services wrote them, those that came too late included: of several writes that replace the same
-- version the first in the log counts.
CREATE TABLE context_version (
    tenant_id    text COLLATE "C" NOT NULL,
    customer_id  uuid NOT NULL,
    version      uuid NOT NULL,
    replaces     uuid,
    document     jsonb NOT NULL,
    by           text COLLATE "C" NOT NULL,
    at           timestamptz NOT NULL,
    log_position bigint NOT NULL,
    PRIMARY KEY (tenant_id, customer_id, version)
);
CREATE INDEX ON context_version (tenant_id, customer_id, replaces, log_position);

-- How many messages of an hour came how far, the sum over the table of messages; it outlives them. What a message counts as
-- follows from its row, so each merge adds what the row counts as now and takes away what it counted as before.
CREATE TABLE message_hour (
    tenant_id    text COLLATE "C" NOT NULL,
    -- Of the messages' own times, UTC.
    hour         timestamptz NOT NULL,
    channel      text COLLATE "C" NOT NULL,
    direction    text COLLATE "C" NOT NULL,
    author       text COLLATE "C" NOT NULL,
    -- Of those that failed: the platform's code, or unknown.
    failure_code text COLLATE "C" NOT NULL,
    messages     bigint NOT NULL,
    sent         bigint NOT NULL,
    delivered    bigint NOT NULL,
    read         bigint NOT NULL,
    PRIMARY KEY (tenant_id, hour, channel, direction, author, failure_code)
);
-- Only within a transaction that is about to remove them.
CREATE INDEX ON message_hour (tenant_id) WHERE messages = 0;

-- The topic of dead letters (topic dead-letters), and the records that the projection itself could not fold (the others).
-- Those of no tenant have the tenant id '', which only the operator sees.
CREATE TABLE dead_letter (
    tenant_id text COLLATE "C" NOT NULL,
    topic     text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    "offset"  bigint NOT NULL,
    reason    text NOT NULL,
    origin    text NOT NULL,
    handler   text NOT NULL,
    attempts  integer NOT NULL,
    at        timestamptz NOT NULL,
    bytes     bytea,
    -- The letter's id in its topic, the same for all copies; null for what the projection put aside.
    letter_id text COLLATE "C",
    -- The platform's own id of its last answer.
    context_id text COLLATE "C",
    -- Set where the record is no letter but an operator's mark on the one with this id: discards, redrives.
    mark      text COLLATE "C",
    PRIMARY KEY (tenant_id, topic, partition, "offset")
);
CREATE INDEX ON dead_letter (tenant_id, letter_id) WHERE mark IS NOT NULL;
