-- name: active
-- Incidents that are not resolved, by severity; read from a partial index.
SELECT severity, count(*) AS count FROM incidents WHERE status <> 'resolved' GROUP BY severity
