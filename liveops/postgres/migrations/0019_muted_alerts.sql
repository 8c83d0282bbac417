-- Alerts of others that fire while a silence mutes them: told when it ends, if they still fire.
CREATE TABLE muted_alerts (
    detection_id uuid        PRIMARY KEY,
    detection    jsonb       NOT NULL,
    muted_at     timestamptz NOT NULL DEFAULT now()
);
