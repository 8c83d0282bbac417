-- name: insert_feedback
-- A verdict on an incident and its newest analysis; returns the id of that.
INSERT INTO analysis_feedback
    (id, incident_id, analysis_id, verdict, true_cause, comment, created_by, created_at)
VALUES ($1, $2, (SELECT id FROM ai_analyses WHERE incident_id = $2
                 ORDER BY requested_at DESC, id LIMIT 1), $3, $4, $5, $6, $7)
RETURNING analysis_id

-- name: set_verdict
-- The newest verdict stands with the incident, where statistics find it.
UPDATE incidents SET verdict = $2 WHERE id = $1

-- name: insert_change
-- A change that somebody tells of.
INSERT INTO change_events (id, service_name, kind, title, at, url, tags, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- name: changes
-- Changes of services (null: of all) within a span, newest first, after a cursor.
SELECT * FROM change_events
WHERE ($1::text[] IS NULL OR service_name = ANY($1)) AND at >= $2 AND at < $3
  AND ($4::timestamptz IS NULL OR (at, id) < ($4, $5::uuid))
ORDER BY at DESC, id DESC LIMIT $6

-- name: cells_in_memory
-- How many cells there are the planner cannot tell: with less memory it sorts all incidents on disk.
SET LOCAL work_mem = '32MB'

-- name: stats
-- Counts, times and verdicts in all, by week (from Monday, UTC) and by service: first by both,
-- so that each incident is looked at once.
WITH cells AS MATERIALIZED (
    SELECT date_bin('7 days', detected_at, '2001-01-01 00:00:00+00') AS week, service_name,
           count(*) AS count, count(acknowledged_at) AS acknowledged,
           count(resolved_at) AS resolved, sum(acknowledged_at - detected_at) AS to_acknowledge,
           sum(resolved_at - detected_at) AS to_resolve, count(verdict) AS judged,
           count(*) FILTER (WHERE verdict = 'not_an_incident') AS false_alarms
    FROM incidents WHERE detected_at >= $1 AND detected_at < $2
    GROUP BY 1, 2
)
SELECT week, service_name, coalesce(sum(count), 0)::int8 AS count,
       extract(epoch FROM sum(to_acknowledge))::float8 / nullif(sum(acknowledged), 0)::float8 AS mtta_s,
       extract(epoch FROM sum(to_resolve))::float8 / nullif(sum(resolved), 0)::float8 AS mttr_s,
       coalesce(sum(judged), 0)::int8 AS judged, coalesce(sum(false_alarms), 0)::int8 AS false_alarms
FROM cells GROUP BY GROUPING SETS ((), (1), (2))
ORDER BY grouping(week, service_name) DESC, 1, 3 DESC, 2

-- name: similar
-- Earlier incidents of the service with metrics in common, those most alike first, with what
-- came of them.
WITH this AS (
    SELECT id, service_name, detected_at,
           string_to_array(substr(fingerprint, strpos(fingerprint, '|') + 1), ',') AS metrics
    FROM incidents WHERE id = $1
), earlier AS (
    SELECT i.*, string_to_array(substr(i.fingerprint, strpos(i.fingerprint, '|') + 1), ',') AS metrics,
           this.metrics AS wanted
    FROM this, LATERAL (
        SELECT * FROM incidents WHERE service_name = this.service_name AND id <> this.id
          AND detected_at <= this.detected_at
        ORDER BY detected_at DESC, id DESC LIMIT 500) i
), alike AS (
    SELECT e.*, (SELECT count(*) FROM unnest(metrics) m WHERE m = ANY(wanted))::float8
        / nullif((SELECT count(DISTINCT m) FROM unnest(metrics || wanted) m), 0) AS likeness
    FROM earlier e
)
SELECT a.id, a.title, a.severity, a.status, a.service_name, a.detected_at, a.resolved_at, a.verdict,
       a.likeness, e.actor AS resolved_by, c.data ->> 'text' AS last_comment,
       f.true_cause, r.root_cause, r.root_cause_service,
       coalesce(f.true_cause, j.root_cause_service) AS confirmed_cause,
       coalesce(f.created_by, j.created_by) AS confirmed_by
FROM (SELECT * FROM alike WHERE likeness >= 0.5
      ORDER BY likeness DESC, detected_at DESC, id LIMIT $2) a
LEFT JOIN LATERAL (SELECT actor FROM incident_events WHERE incident_id = a.id AND kind = 'updated'
    AND data -> 'status' ->> 1 = 'resolved' ORDER BY id DESC LIMIT 1) e ON a.status = 'resolved'
LEFT JOIN LATERAL (SELECT data FROM incident_events WHERE incident_id = a.id AND kind = 'comment'
    ORDER BY id DESC LIMIT 1) c ON true
LEFT JOIN LATERAL (SELECT true_cause, created_by FROM analysis_feedback WHERE incident_id = a.id
    AND true_cause IS NOT NULL ORDER BY created_at DESC LIMIT 1) f ON true
LEFT JOIN LATERAL (SELECT root_cause, root_cause_service FROM ai_analyses WHERE incident_id = a.id
    AND status = 'completed' ORDER BY requested_at DESC, id LIMIT 1) r ON true
LEFT JOIN LATERAL (SELECT q.created_by, k.root_cause_service FROM analysis_feedback q
    JOIN ai_analyses k ON k.id = q.analysis_id AND k.root_cause_service IS NOT NULL
    WHERE q.incident_id = a.id AND a.verdict = 'right' AND q.verdict = 'right'
    ORDER BY q.created_at DESC LIMIT 1) j ON true
ORDER BY a.likeness DESC, a.detected_at DESC, a.id
