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

-- name: note_changes
-- The hours of stored windows are to be rolled up, again if they were. Nothing is compared with
-- what is there: whoever makes rollups may just be taking it away.
INSERT INTO rollup_changes (service_name, "window", start)
SELECT DISTINCT service_name, '1h', date_bin('1 hour', start, timestamptz 'epoch')
FROM incoming_windows WHERE "window" = '15m'

-- name: note_metrics
-- Metric types that were seen, unless that is known for these minutes already.
INSERT INTO service_metrics AS known (service_name, metric_type, kind, last_seen)
SELECT service_name, metric_type, kind, last_seen FROM (
    SELECT DISTINCT ON (service_name, metric_type) service_name, metric_type, kind,
           "end" AS last_seen
    FROM incoming_windows WHERE "window" = '1m'
    ORDER BY service_name, metric_type, "end" DESC
) AS seen
WHERE NOT EXISTS (
    SELECT FROM service_metrics k
    WHERE k.service_name = seen.service_name AND k.metric_type = seen.metric_type
      AND k.kind = seen.kind AND k.last_seen > seen.last_seen - interval '5 minutes')
ORDER BY service_name, metric_type
ON CONFLICT (service_name, metric_type) DO UPDATE SET
    kind = CASE WHEN EXCLUDED.last_seen >= known.last_seen THEN EXCLUDED.kind ELSE known.kind END,
    last_seen = greatest(known.last_seen, EXCLUDED.last_seen)

-- name: claim_ids
-- Those of the given ids that have not been archived before.
INSERT INTO archived_ids (id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING RETURNING id

-- name: forget_ids
-- Repeats come within a day.
DELETE FROM archived_ids WHERE at < now() - interval '1 day'
