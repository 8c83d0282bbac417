-- name: one_at_a_time
-- Of all archive workers one recomputes, until its transaction ends.
SELECT pg_try_advisory_xact_lock($1)

-- name: add_dirty
-- A minute waits for its newest record of each origin.
INSERT INTO dirty_minutes (service_name, minute, origin, record_offset, horizon)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::integer[], $4::bigint[], $5::bigint[])
ON CONFLICT (service_name, minute, origin) DO UPDATE
SET record_offset = greatest(dirty_minutes.record_offset, EXCLUDED.record_offset),
    horizon = greatest(dirty_minutes.horizon, EXCLUDED.horizon)

-- name: ready
-- Dirty minutes whose records are all in the archive, a service's together.
SELECT d.service_name, d.minute, d.origin, d.record_offset, d.horizon
FROM dirty_minutes d
WHERE NOT EXISTS (
    SELECT FROM dirty_minutes o
    LEFT JOIN sink_offsets s ON s.sink = $1 AND s.topic = $2 AND s.partition = o.origin
    WHERE o.service_name = d.service_name AND o.minute = d.minute AND o.origin >= 0
      AND coalesce(s.next_offset, 0) <= o.record_offset
)
ORDER BY d.service_name, d.minute LIMIT $3

-- name: done
-- Forget minutes, unless another record has made them dirty again.
DELETE FROM dirty_minutes d
USING unnest($1::text[], $2::bigint[], $3::integer[], $4::bigint[], $5::bigint[])
    AS seen (s, m, o, n, h)
WHERE d.service_name = s AND d.minute = m AND d.origin = o AND d.record_offset = n
  AND d.horizon = h

-- name: raw_of_span
-- Archived values of a service in a span of event time, by series and minute. Ordered, so
-- that the same rows always give the same sums. Of samples that count once there is one a time.
SELECT metric_type, tags, kind,
       extract(epoch FROM date_bin('1 minute', "timestamp", timestamptz 'epoch'))::bigint AS minute,
       array_agg(value ORDER BY "timestamp", id) AS "values",
       array_agg(histogram::text ORDER BY "timestamp", id)
           FILTER (WHERE histogram IS NOT NULL) AS histograms
FROM (
    SELECT id, metric_type, tags, coalesce(kind, 'gauge') AS kind, "timestamp", value,
           told -> 'histogram' AS histogram, told -> 'once' AS once,
           row_number() OVER (
               PARTITION BY metric_type, tags, kind, "timestamp", told -> 'once' ORDER BY id
           ) AS place
    FROM metrics
    WHERE service_name = $1 AND "timestamp" >= $2 AND "timestamp" < $3
) AS counted
WHERE once IS NULL OR place = 1
GROUP BY metric_type, tags, kind, minute

-- name: samples_of_span
-- Samples of the counters of a service in a span of event time; times in microseconds.
SELECT metric_type, tags,
       array_agg((extract(epoch FROM "timestamp") * 1000000)::bigint) AS us,
       array_agg(value) AS "values",
       array_agg(coalesce(
           extract(epoch FROM "timestamp") - (told ->> 'start')::numeric <= 3600, false
       )) AS begins
FROM metrics
WHERE service_name = $1 AND "timestamp" >= $2 AND "timestamp" < $3 AND kind = 'counter'
GROUP BY metric_type, tags

-- name: followers
-- Minutes of the next samples after given minutes, of the counters that have samples in these.
SELECT DISTINCT extract(
    epoch FROM date_bin('1 minute', follower.at, timestamptz 'epoch'))::bigint AS minute
FROM unnest($2::timestamptz[]) AS dirty (start)
CROSS JOIN LATERAL (
    SELECT DISTINCT metric_type, tags FROM metrics
    WHERE service_name = $1 AND "timestamp" >= dirty.start
      AND "timestamp" < dirty.start + interval '1 minute' AND kind = 'counter'
) AS series
CROSS JOIN LATERAL (
    SELECT min("timestamp") AS at FROM metrics
    WHERE service_name = $1 AND metric_type = series.metric_type AND tags = series.tags
      AND "timestamp" >= dirty.start + interval '1 minute'
      AND "timestamp" < dirty.start + interval '62 minutes' AND kind = 'counter'
) AS follower
WHERE follower.at IS NOT NULL

-- name: stored_of_span
-- What is stored of a service's windows that start in a span.
SELECT series, "window", extract(epoch FROM start)::bigint AS start, count, sum, min, max,
       revision, kind, increase
FROM metric_windows
WHERE service_name = $1 AND start >= $2 AND start < $3
