-- name: minutes
-- Mean of each metric a minute, tags merged, of some services within a span; of counters and
-- increases what came a second, all tags together: a counter's level says nothing. Sums of
-- doubles could go out of range; by way of text a double becomes a numeric without rounding.
SELECT service_name, metric_type, start,
       CASE WHEN bool_or(rate_per_s IS NOT NULL)
            THEN least(sum(rate_per_s::text::numeric), 1e308)::float8
            ELSE (sum(mean::text::numeric * count) / sum(count))::float8
       END AS mean
FROM metric_windows
WHERE service_name = ANY($1::text[]) AND "window" = '1m'
  AND start >= $2 AND start < $3 AND count > 0
  AND (kind NOT IN ('counter', 'delta') OR rate_per_s IS NOT NULL)
GROUP BY service_name, metric_type, start
ORDER BY service_name, metric_type, start

-- name: lock_incident
-- Serialises requests about one incident; no row: no such incident.
SELECT id FROM incidents WHERE id = $1 FOR NO KEY UPDATE

-- name: newest
-- The newest analysis of an incident.
SELECT *, confidence::float8 AS confidence_share,
       coalesce(confidence_raw, confidence)::float8 AS raw_share, cost_usd::float8 AS cost
FROM ai_analyses WHERE incident_id = $1 ORDER BY requested_at DESC, id LIMIT 1

-- name: insert_pending
-- A new job, with the deterministic ranking already in it.
INSERT INTO ai_analyses (id, incident_id, status, root_cause_service, confidence,
                         impacted_services, evidence, ranking, verdict, signature, confidence_text,
                         severity, confidence_raw, forced)
VALUES ($1, $2, 'pending', $3, $4::float8::numeric, $5, $6, $7, $8, $9, $10, $11,
        $12::float8::numeric, $13)

-- name: renew_pending
-- What the code found anew of a job that is still to be done.
UPDATE ai_analyses SET root_cause_service = $2, confidence = $3::float8::numeric,
    impacted_services = $4, evidence = $5, ranking = $6, verdict = $7, signature = $8,
    confidence_text = $9, severity = $10, confidence_raw = $11::float8::numeric
WHERE id = $1 AND status = 'pending'

-- name: force
-- A job that was asked for already is to be done anew.
UPDATE ai_analyses SET forced = true WHERE id = $1 AND status = 'pending'

-- name: claim
-- Take the oldest due job; it comes back after the lease unless it is completed.
UPDATE ai_analyses SET attempts = attempts + 1, not_before = now() + make_interval(secs => $1)
WHERE id = (SELECT id FROM ai_analyses WHERE status = 'pending' AND not_before <= now()
            ORDER BY not_before FOR UPDATE SKIP LOCKED LIMIT 1)
RETURNING id, incident_id, signature, attempts, requested_at, forced

-- name: hold
-- Who works on a job renews the lease; no row: it is done, or another attempt has it.
UPDATE ai_analyses SET not_before = now() + make_interval(secs => $3)
WHERE id = $1 AND status = 'pending' AND attempts = $2
RETURNING id

-- name: reusable
-- A model's recent analysis of an incident that looked the same.
SELECT *, confidence::float8 AS confidence_share,
       coalesce(confidence_raw, confidence)::float8 AS raw_share, cost_usd::float8 AS cost
FROM ai_analyses
WHERE signature = $1 AND status = 'completed' AND source = 'llm' AND incident_id <> $2
  AND analyzed_at > now() - make_interval(secs => $3)
ORDER BY analyzed_at DESC LIMIT 1

-- name: complete
-- Finish a job once; no row: somebody else has finished it.
UPDATE ai_analyses SET status = $2, root_cause = $3, root_cause_service = $4,
    confidence = $5::float8::numeric, impacted_services = $6, suggested_actions = $7,
    technical_summary = $8, executive_summary = $9, evidence = $10, ranking = $11, verdict = $12,
    source = $13, model = $14, cost_usd = $15::float8::numeric, tokens = $16, signature = $17,
    analyzed_at = $18, latency_ms = $19, source_reason = $20,
    confidence_text = $21, severity = $22, actions = $23,
    confidence_raw = $24::float8::numeric
WHERE id = $1 AND status = 'pending'
RETURNING id

-- name: recent
-- The newest analyses of all incidents.
SELECT *, confidence::float8 AS confidence_share,
       coalesce(confidence_raw, confidence)::float8 AS raw_share, cost_usd::float8 AS cost
FROM ai_analyses WHERE status = 'completed' ORDER BY analyzed_at DESC LIMIT $1

-- name: judged
-- The newest verdicts on analyses that named a cause, of each source; what was called no incident
-- says nothing of a cause.
WITH newest AS (
    SELECT DISTINCT ON (analysis_id) analysis_id, verdict, created_at
    FROM analysis_feedback WHERE analysis_id IS NOT NULL
    ORDER BY analysis_id, created_at DESC
), ranked AS (
    SELECT a.source, coalesce(a.confidence_raw, a.confidence)::float8 AS raw,
           a.confidence::float8 AS said, n.verdict = 'right' AS is_right, n.created_at,
           row_number() OVER (PARTITION BY a.source ORDER BY n.created_at DESC) AS place
    FROM newest n JOIN ai_analyses a ON a.id = n.analysis_id
    WHERE a.status = 'completed' AND a.verdict = 'cause_found' AND n.verdict IN ('right', 'wrong')
)
SELECT source, raw, said, is_right FROM ranked WHERE place <= $1 ORDER BY created_at DESC

-- name: unasked
-- Incidents of the last hour that nobody has asked an analysis for.
SELECT i.id FROM incidents i
WHERE i.detected_at > now() - interval '1 hour' AND i.detected_at < now() - interval '5 seconds'
  AND NOT EXISTS (SELECT FROM ai_analyses a WHERE a.incident_id = i.id)
ORDER BY i.detected_at LIMIT 20
