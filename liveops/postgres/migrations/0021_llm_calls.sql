-- Calls of the language model: what each was reserved for, and what it cost once that is known.
CREATE TABLE llm_calls (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    at           timestamptz  NOT NULL DEFAULT now(),
    incident_id  uuid         NOT NULL,
    service_name varchar(128) NOT NULL,
    purpose      varchar(16)  NOT NULL,
    tokens       integer      NOT NULL,
    usd          numeric      NOT NULL,
    -- Null once it is settled; a reservation that has expired counts nothing.
    expires_at   timestamptz
);
CREATE INDEX llm_calls_by_time ON llm_calls (at);
CREATE INDEX llm_calls_by_incident ON llm_calls (incident_id);

-- Why an analysis has no words of a model, or not all, or those of another incident.
ALTER TABLE ai_analyses ADD COLUMN source_reason text NOT NULL DEFAULT '';
