-- name: windows
-- Closed windows of a span, newest first; histograms only where windows are to be merged.
-- JSON as text: most of it is passed on as it is. Service by service the index gives the
-- newest ones first, so that a long span ends with the limit.
SELECT newest.* FROM unnest($1::text[]) AS asked (service_name)
CROSS JOIN LATERAL (
    SELECT service_name, metric_type, tags::text, start, "end", count, sum, min, max, mean, stddev,
           p50, p95, p99, rate, increase, rate_per_s, kind, revision,
           CASE WHEN $6::bool THEN histogram::text END AS histogram
    FROM metric_windows
    WHERE service_name = asked.service_name AND "window" = $2 AND start >= $3 AND start < $4
      AND ($5::text[] IS NULL OR metric_type = ANY($5))
    ORDER BY start DESC
    LIMIT $7
) AS newest
ORDER BY start DESC
LIMIT $7

-- name: windows_of_metric
-- The same of one metric type: keys of its series lie between two texts, where the database
-- compares texts by their bytes, so that the index tells apart what is asked for.
SELECT newest.* FROM unnest($1::text[]) AS asked (service_name)
CROSS JOIN LATERAL (
    SELECT service_name, metric_type, tags::text, start, "end", count, sum, min, max, mean, stddev,
           p50, p95, p99, rate, increase, rate_per_s, kind, revision,
           CASE WHEN $6::bool THEN histogram::text END AS histogram
    FROM metric_windows
    WHERE service_name = asked.service_name AND "window" = $2 AND start >= $3 AND start < $4
      AND series >= $8 AND series < $9 AND metric_type = ANY($5::text[])
    ORDER BY start DESC
    LIMIT $7
) AS newest
ORDER BY start DESC
LIMIT $7

-- name: compares_bytes
-- Whether this database compares texts by their bytes, as far as we know.
SELECT coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'b'
    OR (coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'c'
        AND datcollate IN ('C', 'POSIX', 'C.UTF-8', 'C.utf8'))
FROM pg_database d WHERE datname = current_database()

-- name: raw
-- Raw metrics of a service and metric type, newest first, after a cursor.
SELECT id, service_name, metric_type, value, tags, "timestamp", coalesce(kind, 'gauge') AS kind
FROM metrics
WHERE service_name = $1 AND metric_type = $7 AND "timestamp" >= $2 AND "timestamp" < $3
  AND ($4::timestamptz IS NULL OR ("timestamp" <= $4 AND ("timestamp", id) < ($4, $5::uuid)))
ORDER BY "timestamp" DESC, id DESC
LIMIT $6

-- name: raw_of_service
-- The same of all metric types of a service: the newest of each, and of these the newest. The
-- index leads from one type to the next.
WITH RECURSIVE types AS (
    SELECT (SELECT min(metric_type) FROM metrics
            WHERE service_name = $1 AND "timestamp" >= $2 AND "timestamp" < $3) AS metric_type
    UNION ALL
    SELECT (SELECT min(m.metric_type) FROM metrics m
            WHERE m.service_name = $1 AND m.metric_type > types.metric_type
              AND m."timestamp" >= $2 AND m."timestamp" < $3)
    FROM types WHERE types.metric_type IS NOT NULL
)
SELECT newest.* FROM types CROSS JOIN LATERAL (
    SELECT id, service_name, metrics.metric_type, value, tags, "timestamp",
           coalesce(kind, 'gauge') AS kind
    FROM metrics
    WHERE service_name = $1 AND metrics.metric_type = types.metric_type
      AND "timestamp" >= $2 AND "timestamp" < $3
      AND ($4::timestamptz IS NULL OR ("timestamp" <= $4 AND ("timestamp", id) < ($4, $5::uuid)))
    ORDER BY "timestamp" DESC, id DESC
    LIMIT $6
) AS newest
ORDER BY "timestamp" DESC, id DESC
LIMIT $6

-- name: unresolved
-- Unresolved incidents by service and severity; each counts once for each of its services.
SELECT named.service_name, incidents.severity, count(*) AS count
FROM incidents CROSS JOIN LATERAL (
    SELECT DISTINCT unnest(array_append(affected_services, incidents.service_name))
        AS service_name) AS named
WHERE status <> 'resolved'
GROUP BY named.service_name, incidents.severity

-- name: judged
-- Closed windows as rules judge them, of all services or some, the oldest first.
SELECT service_name, metric_type, tags, extract(epoch FROM start)::bigint AS start_s,
       extract(epoch FROM "end")::bigint AS end_s, count, sum, min, max, mean, stddev,
       p50, p95, p99, rate, revision, backfill, kind, increase, rate_per_s
FROM metric_windows
WHERE ($1::text[] IS NULL OR service_name = ANY($1)) AND "window" = $2
  AND start >= $3 AND start < $4
ORDER BY start LIMIT $5
