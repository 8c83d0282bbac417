-- name: one_at_a_time
-- Of all archive workers one makes rollups, until its transaction ends.
SELECT pg_try_advisory_xact_lock($1)

-- name: due
-- Services and starts whose rollups are out of date and over since a while, the oldest first,
-- with the rows that say so.
SELECT service_name, extract(epoch FROM start)::bigint AS start_s, array_agg(id) AS ids
FROM rollup_changes WHERE "window" = $1 AND start <= $2
GROUP BY service_name, start ORDER BY start, service_name LIMIT $3

-- name: waiting
-- How many rollups are out of date and over since a while.
SELECT count(*) FROM (SELECT DISTINCT service_name, start FROM rollup_changes
                      WHERE "window" = $1 AND start <= $2) AS due

-- name: done
-- Forget these rows. Others of the same rollup may have come meanwhile, with lower ids too.
DELETE FROM rollup_changes WHERE id = ANY($1::bigint[])

-- name: add_change
-- A day is out of date because hours of it changed; once is enough, one worker does both.
INSERT INTO rollup_changes (service_name, "window", start)
SELECT $1::text, $2::text, $3::timestamptz WHERE NOT EXISTS (
    SELECT FROM rollup_changes WHERE service_name = $1::text AND "window" = $2::text AND start = $3)

-- name: quarters
-- Windows of 15 minutes of services in spans, the newest first, with what merging them takes.
SELECT w.service_name, w.metric_type, w.tags::text, w.start, w."end", w.count, w.sum, w.min,
       w.max, w.mean, w.stddev, w.p50, w.p95, w.p99, w.rate, w.increase, w.rate_per_s, w.kind,
       w.revision, w.histogram::text AS histogram, NULL::text AS sketch
FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS span (service, low, high)
JOIN metric_windows w ON w.service_name = span.service AND w."window" = '15m'
    AND w.start >= span.low AND w.start < span.high
WHERE w.start >= $4 AND w.start < $5 AND ($6::text[] IS NULL OR w.metric_type = ANY($6))
ORDER BY w.start DESC LIMIT $7

-- name: hours
-- Hourly rollups of services in spans, but not of some hours, the newest first.
SELECT r.service_name, r.metric_type, r.tags::text, r.start, r."end", r.count, r.sum, r.min,
       r.max, r.mean, r.stddev, r.p50, r.p95, r.p99, r.rate, r.increase, r.rate_per_s, r.kind,
       r.revision, NULL::text AS histogram, encode(r.sketch, 'base64') AS sketch
FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[]) AS span (service, low, high)
JOIN metric_rollups r ON r.service_name = span.service AND r."window" = '1h'
    AND r.start >= span.low AND r.start < span.high
WHERE r.start >= $4 AND r.start < $5 AND ($6::text[] IS NULL OR r.metric_type = ANY($6))
  AND NOT EXISTS (SELECT FROM unnest($8::text[], $9::timestamptz[]) AS stale (service, at)
                  WHERE stale.service = r.service_name AND stale.at = r.start)
ORDER BY r.start DESC LIMIT $7

-- name: rollups
-- Rollups of a span, but not the stale ones, the newest first; sketches only where windows
-- are to be merged.
SELECT service_name, metric_type, tags::text, start, "end", count, sum, min, max, mean, stddev,
       p50, p95, p99, rate, increase, rate_per_s, kind, revision, NULL::text AS histogram,
       CASE WHEN $6::bool THEN encode(sketch, 'base64') END AS sketch
FROM metric_rollups r
WHERE service_name = ANY($1::text[]) AND "window" = $2 AND start >= $3 AND start < $4
  AND ($5::text[] IS NULL OR metric_type = ANY($5))
  AND NOT EXISTS (SELECT FROM unnest($8::text[], $9::timestamptz[]) AS stale (service, at)
                  WHERE stale.service = r.service_name AND stale.at = r.start)
ORDER BY start DESC LIMIT $7

-- name: stale
-- Which hours and days of services in a span are not what the windows say.
SELECT DISTINCT service_name, "window", extract(epoch FROM start)::bigint AS start_s
FROM rollup_changes
WHERE service_name = ANY($1::text[]) AND start >= $2 AND start < $3

-- name: backlog
-- Days of a span that a version without rollups stored, and up to which service they are done.
SELECT extract(epoch FROM day::timestamp AT TIME ZONE 'UTC')::bigint AS day_s, done
FROM rollup_backlog WHERE day >= $1 AND day < $2

-- name: next_backlog
-- The newest such day.
SELECT extract(epoch FROM day::timestamp AT TIME ZONE 'UTC')::bigint AS day_s, done,
       (SELECT count(*) FROM rollup_backlog) AS days
FROM rollup_backlog ORDER BY day DESC LIMIT 1

-- name: next_service
-- The service after this one with windows in a span.
SELECT min(service_name) FROM metric_windows
WHERE service_name > $1 AND start >= $2 AND start < $3

-- name: note_metrics
-- Metric types of a service and day.
INSERT INTO service_metrics AS known (service_name, metric_type, kind, last_seen)
SELECT service_name, metric_type, max(kind), max("end") FROM metric_rollups
WHERE service_name = $1 AND "window" = '1h' AND start >= $2 AND start < $3
GROUP BY service_name, metric_type
ON CONFLICT (service_name, metric_type) DO UPDATE SET
    last_seen = greatest(known.last_seen, EXCLUDED.last_seen)

-- name: pass_service
-- The rollups of a day are made up to this service.
UPDATE rollup_backlog SET done = $2 WHERE day = $1

-- name: pass_day
-- All rollups of a day are made.
DELETE FROM rollup_backlog WHERE day = $1

-- name: has_month
-- Whether this partition is there.
SELECT to_regclass($1) IS NOT NULL

-- name: make_incoming
-- Where rollups are copied to; empty again after each transaction.
CREATE TEMP TABLE IF NOT EXISTS incoming_rollups (LIKE metric_rollups INCLUDING DEFAULTS)
ON COMMIT DELETE ROWS

-- name: merge_incoming
-- A rollup that says something else than the stored one is its next revision.
WITH stored AS (
    INSERT INTO metric_rollups AS known
    SELECT * FROM incoming_rollups
    ON CONFLICT (service_name, "window", metric_type, start, series) DO UPDATE SET
        count = EXCLUDED.count, sum = EXCLUDED.sum, min = EXCLUDED.min, max = EXCLUDED.max,
        mean = EXCLUDED.mean, stddev = EXCLUDED.stddev, p50 = EXCLUDED.p50, p95 = EXCLUDED.p95,
        p99 = EXCLUDED.p99, rate = EXCLUDED.rate, kind = EXCLUDED.kind,
        increase = EXCLUDED.increase, rate_per_s = EXCLUDED.rate_per_s,
        sketch = EXCLUDED.sketch, revision = known.revision + 1
    WHERE (known.count, known.sum, known.min, known.max, known.stddev, known.increase,
           known.kind, known.sketch)
        IS DISTINCT FROM (EXCLUDED.count, EXCLUDED.sum, EXCLUDED.min, EXCLUDED.max,
           EXCLUDED.stddev, EXCLUDED.increase, EXCLUDED.kind, EXCLUDED.sketch)
    RETURNING 1
)
SELECT count(*) FROM stored
