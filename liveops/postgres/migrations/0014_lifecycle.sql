-- Fields that a person has set, verdicts of people, and changes from outside.
ALTER TABLE incidents
    ADD COLUMN by_hand text[] NOT NULL DEFAULT '{}',
    ADD COLUMN verdict varchar(20)
        CHECK (verdict IN ('right', 'wrong', 'not_an_incident'));

CREATE TABLE analysis_feedback (
    id          uuid PRIMARY KEY,
    incident_id uuid        NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    analysis_id uuid        REFERENCES ai_analyses (id) ON DELETE SET NULL,
    verdict     varchar(20) NOT NULL CHECK (verdict IN ('right', 'wrong', 'not_an_incident')),
    true_cause  text,
    comment     text,
    created_by  text        NOT NULL,
    created_at  timestamptz NOT NULL
);
CREATE INDEX analysis_feedback_by_incident ON analysis_feedback (incident_id, created_at DESC);

CREATE TABLE change_events (
    id           uuid PRIMARY KEY,
    service_name varchar(128) NOT NULL,
    kind         varchar(16)  NOT NULL CHECK (kind IN ('deploy', 'change', 'maintenance', 'other')),
    title        text         NOT NULL,
    at           timestamptz  NOT NULL,
    url          text,
    tags         jsonb        NOT NULL DEFAULT '{}',
    created_by   text         NOT NULL
);
CREATE INDEX change_events_by_service ON change_events (service_name, at DESC, id DESC);
CREATE INDEX change_events_newest ON change_events (at DESC, id DESC);

CREATE INDEX incidents_by_service ON incidents (service_name, detected_at DESC, id DESC);
-- What summary and statistics count, without the rows themselves.
CREATE INDEX incidents_counted ON incidents (detected_at)
    INCLUDE (status, severity, service_name, acknowledged_at, resolved_at, verdict);
