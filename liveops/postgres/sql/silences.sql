-- name: recent_detections
-- Incidents of late with what they are made of, newest first.
SELECT id, title, detections FROM incidents WHERE detected_at >= $1
ORDER BY detected_at DESC, id DESC LIMIT $2

-- name: begin_span
-- A silence holds from now on; no row: that was told already.
INSERT INTO silence_spans (silence_id, begins_at, ends_at, definition) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING RETURNING silence_id

-- name: end_spans
-- Spans that are over, or whose silence was ended by hand.
DELETE FROM silence_spans p WHERE ends_at <= $1
   OR NOT EXISTS (SELECT FROM silences s WHERE s.id = p.silence_id)
RETURNING definition, begins_at

-- name: keep_muted
-- An alert of others that fires and is muted, as it was told last.
INSERT INTO muted_alerts (detection_id, detection) VALUES ($1, $2)
ON CONFLICT (detection_id) DO UPDATE SET detection = $2, muted_at = now()

-- name: forget_muted
-- These are over, or have been told.
DELETE FROM muted_alerts WHERE detection_id = ANY($1::uuid[])

-- name: muted
-- Muted alerts that nobody else has in hand, the oldest first.
SELECT detection FROM muted_alerts ORDER BY muted_at LIMIT $1 FOR UPDATE SKIP LOCKED

-- name: unresolved
-- Incidents that a silence may be about.
SELECT id, service_name, affected_services FROM incidents WHERE status <> 'resolved'
ORDER BY detected_at DESC LIMIT 1000

-- name: spans_of
-- Spans of a silence that were told to have begun.
SELECT begins_at, definition FROM silence_spans WHERE silence_id = $1 FOR UPDATE

-- name: move_span
-- A span as its changed silence has it.
UPDATE silence_spans SET begins_at = $3, ends_at = $4, definition = $5
WHERE silence_id = $1 AND begins_at = $2

-- name: close_span
-- A span is over by now.
UPDATE silence_spans SET ends_at = $3 WHERE silence_id = $1 AND begins_at = $2
