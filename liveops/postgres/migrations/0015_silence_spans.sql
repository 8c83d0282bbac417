-- Spans of silences that were told to have begun, until their end is told.
CREATE TABLE silence_spans (
    silence_id uuid        NOT NULL,
    begins_at  timestamptz NOT NULL,
    ends_at    timestamptz NOT NULL,
    definition jsonb       NOT NULL,
    PRIMARY KEY (silence_id, begins_at)
);
