-- name: insert
-- A new incident.
INSERT INTO incidents (id, title, description, severity, status, service_name, affected_services,
    detected_at, resolved_at, acknowledged_at, assignee, version, source, fingerprint, detections,
    stale, event_to_detected_ms, offsets, detections_dropped, by_hand)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
ON CONFLICT (id) DO NOTHING RETURNING id

-- name: fetch
-- One incident.
SELECT * FROM incidents WHERE id = $1

-- name: lock
-- One incident, kept from changing until the transaction ends.
SELECT * FROM incidents WHERE id = $1 FOR UPDATE

-- name: lock_many
-- Several incidents, always in the same order, kept from changing until the transaction ends.
SELECT * FROM incidents WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE

-- name: update
-- Everything that may change.
UPDATE incidents SET title = $2, description = $3, severity = $4, status = $5, service_name = $6,
    affected_services = $7, resolved_at = $8, acknowledged_at = $9, assignee = $10, version = $11,
    fingerprint = $12, detections = $13, stale = $14, offsets = $15, detections_dropped = $16,
    by_hand = $17
WHERE id = $1

-- name: list
-- Newest first, filtered, after a cursor.
SELECT * FROM incidents
WHERE ($1::text[] IS NULL OR status = ANY($1))
  AND ($2::text[] IS NULL OR severity = ANY($2))
  AND ($3::text IS NULL OR service_name = $3 OR affected_services @> ARRAY[$3])
  AND ($4::timestamptz IS NULL OR detected_at >= $4)
  AND ($5::timestamptz IS NULL OR detected_at < $5)
  AND ($6::text IS NULL OR words LIKE lower($6))
  AND ($7::timestamptz IS NULL OR (detected_at, id) < ($7, $8::uuid))
ORDER BY detected_at DESC, id DESC
LIMIT $9

-- name: summary
-- How many there are by status and severity; the filters of the list.
SELECT status, severity, count(*) AS count FROM incidents
WHERE ($1::text[] IS NULL OR status = ANY($1))
  AND ($2::text[] IS NULL OR severity = ANY($2))
  AND ($3::text IS NULL OR service_name = $3 OR affected_services @> ARRAY[$3])
  AND ($4::timestamptz IS NULL OR detected_at >= $4)
  AND ($5::timestamptz IS NULL OR detected_at < $5)
  AND ($6::text IS NULL OR words LIKE lower($6))
GROUP BY status, severity

-- name: add_event
-- A line of the timeline.
INSERT INTO incident_events (incident_id, kind, actor, data) VALUES ($1, $2, $3, $4)
RETURNING id, at

-- name: insert_event
-- A line of the timeline whose id nobody needs.
INSERT INTO incident_events (incident_id, kind, actor, data) VALUES ($1, $2, $3, $4)

-- name: trim_events
-- Of updates by one actor only the newest stay.
DELETE FROM incident_events WHERE id IN (
    SELECT old.id FROM unnest($1::uuid[]) AS changed (incident_id) CROSS JOIN LATERAL (
        SELECT id FROM incident_events
        WHERE incident_id = changed.incident_id AND kind = 'updated' AND actor = $2
        ORDER BY id DESC OFFSET $3) AS old)

-- name: timeline
-- What happened to an incident, oldest first.
SELECT id, at, kind, actor, data FROM incident_events WHERE incident_id = $1 ORDER BY id

-- name: active
-- Ids of incidents that are not resolved, newest first.
SELECT id FROM incidents WHERE status <> 'resolved' ORDER BY detected_at DESC, id DESC LIMIT 1000

-- name: overlapping
-- Incidents that were not resolved at some time of a span.
SELECT id, service_name, affected_services, detected_at, resolved_at FROM incidents
WHERE detected_at < $2 AND (resolved_at IS NULL OR resolved_at >= $1)
ORDER BY detected_at DESC LIMIT 5000

-- name: plan_anew
-- Each list is planned for the filters that it has.
SET LOCAL plan_cache_mode = force_custom_plan
