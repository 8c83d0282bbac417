-- name: windows
-- Closed windows of a span, newest first; histograms only where windows are to be merged.
-- JSON as text: most of it is passed on as it is.
SELECT service_name, metric_type, tags::text, start, "end", count, sum, min, max, mean, stddev,
       p50, p95, p99, rate, increase, rate_per_s, kind, revision, CASE WHEN $6::bool THEN histogram::text END AS histogram
FROM metric_windows
WHERE service_name = ANY($1::text[]) AND "window" = $2 AND start >= $3 AND start < $4
  AND ($5::text[] IS NULL OR metric_type = ANY($5))
ORDER BY start DESC
LIMIT $7

-- name: raw
-- Raw metrics, newest first, after a cursor.
SELECT id, service_name, metric_type, value, tags, "timestamp", coalesce(kind, 'gauge') AS kind
FROM metrics
WHERE ($1::text IS NULL OR service_name = $1)
  AND ($2::text IS NULL OR metric_type = $2)
  AND "timestamp" >= $3 AND "timestamp" < $4
  AND ($5::timestamptz IS NULL OR ("timestamp", id) < ($5, $6::uuid))
ORDER BY "timestamp" DESC, id DESC
LIMIT $7

-- name: services
-- Services with closed windows of late, with their newest one and their metric types.
SELECT service_name, max("end") AS last_seen,
       array_agg(DISTINCT metric_type ORDER BY metric_type) AS metric_types
FROM metric_windows
WHERE "window" = '1m' AND start >= $1 AND ($2::text[] IS NULL OR service_name = ANY($2))
GROUP BY service_name ORDER BY service_name

-- name: unresolved
-- Unresolved incidents by service and severity; each counts once for each of its services.
SELECT named.service_name, incidents.severity, count(*) AS count
FROM incidents CROSS JOIN LATERAL (
    SELECT DISTINCT unnest(array_append(affected_services, incidents.service_name))
        AS service_name) AS named
WHERE status <> 'resolved'
GROUP BY named.service_name, incidents.severity
