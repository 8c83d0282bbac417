-- name: one_at_a_time
-- Of all archive workers one recomputes, until its transaction ends.
SELECT pg_try_advisory_xact_lock($1)

-- name: add_dirty
-- A minute waits for its newest record of each origin.
INSERT INTO dirty_minutes (service_name, minute, origin, record_offset)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::integer[], $4::bigint[])
ON CONFLICT (service_name, minute, origin) DO UPDATE
SET record_offset = greatest(dirty_minutes.record_offset, EXCLUDED.record_offset)

-- name: ready
-- Dirty minutes whose records are all in the archive, a service's together.
SELECT d.service_name, d.minute, d.origin, d.record_offset
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
USING unnest($1::text[], $2::bigint[], $3::integer[], $4::bigint[]) AS seen (s, m, o, n)
WHERE d.service_name = s AND d.minute = m AND d.origin = o AND d.record_offset = n

-- name: raw_of_span
-- Archived values of a service in a span of event time, by series and minute. Ordered, so
-- that the same rows always give the same sums.
SELECT metric_type, tags,
       extract(epoch FROM date_bin('1 minute', "timestamp", timestamptz 'epoch'))::bigint AS minute,
       array_agg(value ORDER BY "timestamp", id) AS "values"
FROM metrics
WHERE service_name = $1 AND "timestamp" >= $2 AND "timestamp" < $3
GROUP BY metric_type, tags, minute

-- name: stored_of_span
-- What is stored of a service's windows that start in a span.
SELECT series, "window", extract(epoch FROM start)::bigint AS start, count, sum, min, max, revision
FROM metric_windows
WHERE service_name = $1 AND start >= $2 AND start < $3
