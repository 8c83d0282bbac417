-- The truth of LiveOps: metrics and windows (daily partitions), incidents, analyses,
-- users, rules, silences, topology, the outbox and the offsets of the sinks.

CREATE TABLE metrics (
    id           uuid             NOT NULL,
    service_name varchar(128)     NOT NULL,
    metric_type  varchar(128)     NOT NULL,
    value        double precision NOT NULL,
    tags         jsonb            NOT NULL DEFAULT '{}',
    "timestamp"  timestamptz      NOT NULL
) PARTITION BY RANGE ("timestamp");
CREATE INDEX metrics_by_series ON metrics (service_name, metric_type, "timestamp" DESC, id);

-- Ids that clients gave (Idempotency-Key), so that a repeated call is archived once.
CREATE TABLE archived_ids (
    id uuid PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX archived_ids_by_age ON archived_ids (at);

CREATE TABLE metric_windows (
    service_name varchar(128)     NOT NULL,
    metric_type  varchar(128)     NOT NULL,
    tags         jsonb            NOT NULL DEFAULT '{}',
    series       text             NOT NULL,
    "window"     varchar(4)       NOT NULL,
    start        timestamptz      NOT NULL,
    "end"        timestamptz      NOT NULL,
    count        bigint           NOT NULL,
    sum          double precision NOT NULL,
    min          double precision NOT NULL,
    max          double precision NOT NULL,
    mean         double precision NOT NULL,
    stddev       double precision NOT NULL,
    p50          double precision NOT NULL,
    p95          double precision NOT NULL,
    p99          double precision NOT NULL,
    rate         double precision NOT NULL,
    revision     integer          NOT NULL,
    backfill     boolean          NOT NULL DEFAULT false,
    histogram    jsonb            NOT NULL DEFAULT '{}',
    PRIMARY KEY (service_name, "window", start, series)
) PARTITION BY RANGE (start);

-- How far each sink has come; rows and offset change in one transaction.
CREATE TABLE sink_offsets (
    sink        text    NOT NULL,
    topic       text    NOT NULL,
    partition   integer NOT NULL,
    next_offset bigint  NOT NULL,
    PRIMARY KEY (sink, topic, partition)
);

-- Events leave in id order per key and are marked sent after the broker's ack.
CREATE TABLE outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic      text        NOT NULL,
    key        text        NOT NULL,
    value      text,
    created_at timestamptz NOT NULL DEFAULT now(),
    sent_at    timestamptz
);
CREATE INDEX outbox_unsent ON outbox (id) WHERE sent_at IS NULL;

CREATE TABLE incidents (
    id                   uuid PRIMARY KEY,
    title                text        NOT NULL,
    description          text        NOT NULL DEFAULT '',
    severity             varchar(16) NOT NULL CHECK (severity IN ('critical', 'high', 'medium', 'low')),
    status               varchar(16) NOT NULL CHECK (status IN ('open', 'acknowledged', 'resolved')),
    service_name         varchar(128) NOT NULL,
    affected_services    text[]      NOT NULL DEFAULT '{}',
    detected_at          timestamptz NOT NULL,
    resolved_at          timestamptz,
    acknowledged_at      timestamptz,
    assignee             text,
    version              integer     NOT NULL DEFAULT 1,
    source               varchar(16) NOT NULL DEFAULT 'detector',
    fingerprint          text        NOT NULL DEFAULT '',
    detections           jsonb       NOT NULL DEFAULT '[]',
    stale                boolean     NOT NULL DEFAULT false,
    event_to_detected_ms double precision,
    offsets              jsonb       NOT NULL DEFAULT '{}'
);
CREATE INDEX incidents_newest ON incidents (detected_at DESC, id DESC);
CREATE INDEX incidents_active ON incidents (status) WHERE status <> 'resolved';

-- What happened to an incident, in order: created, updated, comment, analysis.
CREATE TABLE incident_events (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id uuid        NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    at          timestamptz NOT NULL DEFAULT now(),
    kind        text        NOT NULL,
    actor       text        NOT NULL,
    data        jsonb       NOT NULL DEFAULT '{}'
);
CREATE INDEX incident_events_by_incident ON incident_events (incident_id, id);

-- The correlator's open groups, written with its offset.
CREATE TABLE correlation_groups (
    incident_id uuid PRIMARY KEY,
    state       jsonb NOT NULL
);

CREATE TABLE ai_analyses (
    id                 uuid PRIMARY KEY,
    incident_id        uuid         NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    status             varchar(16)  NOT NULL CHECK (status IN ('pending', 'completed', 'failed')),
    root_cause         text         NOT NULL DEFAULT '',
    root_cause_service varchar(128),
    confidence         numeric      NOT NULL DEFAULT 0,
    impacted_services  text[]       NOT NULL DEFAULT '{}',
    suggested_actions  jsonb        NOT NULL DEFAULT '[]',
    technical_summary  text         NOT NULL DEFAULT '',
    executive_summary  text         NOT NULL DEFAULT '',
    evidence           jsonb        NOT NULL DEFAULT '[]',
    ranking            jsonb        NOT NULL DEFAULT '[]',
    verdict            varchar(16)  NOT NULL DEFAULT 'inconclusive',
    source             varchar(16)  NOT NULL DEFAULT 'fallback',
    model              text,
    cost_usd           numeric      NOT NULL DEFAULT 0,
    tokens             integer      NOT NULL DEFAULT 0,
    signature          text         NOT NULL DEFAULT '',
    attempts           integer      NOT NULL DEFAULT 0,
    requested_at       timestamptz  NOT NULL DEFAULT now(),
    not_before         timestamptz  NOT NULL DEFAULT now(),
    analyzed_at        timestamptz,
    latency_ms         double precision
);
CREATE INDEX ai_analyses_by_incident ON ai_analyses (incident_id, requested_at DESC);
CREATE INDEX ai_analyses_pending ON ai_analyses (not_before) WHERE status = 'pending';
CREATE INDEX ai_analyses_by_signature ON ai_analyses (signature, analyzed_at DESC) WHERE status = 'completed';

CREATE TABLE users (
    name          text PRIMARY KEY,
    password_hash text        NOT NULL,
    roles         text[]      NOT NULL,
    disabled      boolean     NOT NULL DEFAULT false,
    created_at    timestamptz NOT NULL DEFAULT now()
);

-- One row a refresh token; rotation makes a new row of the same family.
CREATE TABLE refresh_tokens (
    token_hash text PRIMARY KEY,
    family     uuid        NOT NULL,
    user_name  text        NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz
);
CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family);

CREATE TABLE revoked_tokens (
    jti        text PRIMARY KEY,
    expires_at timestamptz NOT NULL
);

CREATE TABLE ingest_tokens (
    id         uuid PRIMARY KEY,
    name       text        NOT NULL,
    services   text[]      NOT NULL,
    created_by text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz
);

CREATE TABLE rules (
    id         uuid PRIMARY KEY,
    definition jsonb       NOT NULL,
    version    integer     NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE silences (
    id         uuid PRIMARY KEY,
    definition jsonb       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE topology_edges (
    caller    varchar(128) NOT NULL,
    callee    varchar(128) NOT NULL,
    source    varchar(16)  NOT NULL CHECK (source IN ('declared', 'learned')),
    last_seen timestamptz,
    PRIMARY KEY (caller, callee, source)
);

-- Answers kept for `Idempotency-Key`, 24 h.
CREATE TABLE idempotency_keys (
    subject    text        NOT NULL,
    key        text        NOT NULL,
    body_hash  text        NOT NULL,
    status     integer,
    answer     text,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subject, key)
);
