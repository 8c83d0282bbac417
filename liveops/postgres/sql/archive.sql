-- name: next_offsets
-- How far a sink has come in a topic.
SELECT partition, next_offset FROM sink_offsets WHERE sink = $1 AND topic = $2

-- name: next_offset
-- The same of one partition, held until the transaction ends.
SELECT next_offset FROM sink_offsets
WHERE sink = $1 AND topic = $2 AND partition = $3 FOR UPDATE

-- name: begin_offset
-- Make sure the row to compare with exists.
INSERT INTO sink_offsets (sink, topic, partition, next_offset) VALUES ($1, $2, $3, 0)
ON CONFLICT DO NOTHING

-- name: advance_offset
-- Compare-and-set: only the owner that knows the stored offset moves it.
UPDATE sink_offsets SET next_offset = $5
WHERE sink = $1 AND topic = $2 AND partition = $3 AND next_offset = $4
RETURNING next_offset

-- name: make_incoming
-- Where a chunk of windows is copied to; empty again after each transaction.
CREATE TEMP TABLE IF NOT EXISTS incoming_windows (LIKE metric_windows) ON COMMIT DELETE ROWS

-- name: merge_incoming
-- A window replaces an older revision of itself; the same revision may be written again.
INSERT INTO metric_windows (service_name, metric_type, tags, series, "window", start, "end", count,
    sum, min, max, mean, stddev, p50, p95, p99, rate, revision, backfill, histogram, kind,
    increase, rate_per_s)
SELECT service_name, metric_type, tags, series, "window", start, "end", count,
    sum, min, max, mean, stddev, p50, p95, p99, rate, revision, backfill, histogram, kind,
    increase, rate_per_s
FROM incoming_windows
ON CONFLICT (service_name, "window", start, series) DO UPDATE SET
    "end" = EXCLUDED."end", count = EXCLUDED.count, sum = EXCLUDED.sum, min = EXCLUDED.min,
    max = EXCLUDED.max, mean = EXCLUDED.mean, stddev = EXCLUDED.stddev, p50 = EXCLUDED.p50,
    p95 = EXCLUDED.p95, p99 = EXCLUDED.p99, rate = EXCLUDED.rate, revision = EXCLUDED.revision,
    backfill = EXCLUDED.backfill, histogram = EXCLUDED.histogram, kind = EXCLUDED.kind,
    increase = EXCLUDED.increase, rate_per_s = EXCLUDED.rate_per_s
WHERE metric_windows.revision <= EXCLUDED.revision

-- name: claim_ids
-- Those of the given ids that have not been archived before.
INSERT INTO archived_ids (id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING RETURNING id

-- name: forget_ids
-- Repeats come within a day.
DELETE FROM archived_ids WHERE at < now() - interval '1 day'
