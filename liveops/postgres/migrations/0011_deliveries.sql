-- What was told to whom: one row for a receiver, an incident and its version.
-- `lease` names the sender that has it in hand until `lease_until`; `message_id` the message
-- it left in (a digest carries several); `reference` what the provider calls that message.
CREATE TABLE deliveries (
    delivery_id uuid PRIMARY KEY,
    receiver_id uuid        NOT NULL REFERENCES receivers (id) ON DELETE CASCADE,
    incident_id uuid        NOT NULL,
    version     integer     NOT NULL,
    event       varchar(16) NOT NULL
        CHECK (event IN ('opened', 'changed', 'acknowledged', 'resolved', 'reopened')),
    incident    jsonb       NOT NULL,
    state       varchar(16) NOT NULL DEFAULT 'waiting'
        CHECK (state IN ('waiting', 'delivered', 'failed', 'superseded')),
    attempts    integer     NOT NULL DEFAULT 0,
    created_at  timestamptz NOT NULL DEFAULT now(),
    due_at      timestamptz NOT NULL,
    tried_at    timestamptz,
    lease       uuid,
    lease_until timestamptz,
    done_at     timestamptz,
    message_id  uuid,
    reference   text        NOT NULL DEFAULT '',
    last_error  text        NOT NULL DEFAULT '',
    UNIQUE (receiver_id, incident_id, version)
);
CREATE INDEX deliveries_waiting ON deliveries (receiver_id, due_at) WHERE state = 'waiting';
CREATE INDEX deliveries_of_incident ON deliveries (incident_id);
CREATE INDEX deliveries_done ON deliveries (receiver_id, done_at) WHERE state = 'delivered';

-- How an incident stood when its receivers were last chosen: the next version differs by it.
CREATE TABLE told_incidents (
    incident_id       uuid PRIMARY KEY,
    version           integer     NOT NULL,
    status            varchar(16) NOT NULL,
    severity          varchar(16) NOT NULL,
    affected_services text[]      NOT NULL,
    assignee          text,
    at                timestamptz NOT NULL DEFAULT now()
);

-- Events of incidents for which receivers were chosen; those of before this table never are.
ALTER TABLE outbox ADD COLUMN routed_at timestamptz;
UPDATE outbox SET routed_at = now();
CREATE INDEX outbox_unrouted ON outbox (id)
    WHERE routed_at IS NULL AND topic IN ('incidents.detected', 'incidents.updated');
