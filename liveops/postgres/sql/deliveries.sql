-- name: try_lock
-- True for the one that chooses receivers, until its transaction ends.
SELECT pg_try_advisory_xact_lock(hashtext('liveops/notify'))

-- name: unrouted
-- Events of incidents for which no receivers were chosen yet, in order.
SELECT id, topic, value, created_at FROM outbox
WHERE routed_at IS NULL AND topic IN ('incidents.detected', 'incidents.updated')
ORDER BY id LIMIT 500

-- name: mark_routed
-- Their receivers have been chosen.
UPDATE outbox SET routed_at = now() WHERE id = ANY($1::bigint[])

-- name: standings
-- How incidents stood when their receivers were last chosen.
SELECT incident_id, version, status, severity, affected_services, assignee
FROM told_incidents WHERE incident_id = ANY($1::uuid[])

-- name: save_standing
-- How an incident stands now.
INSERT INTO told_incidents (incident_id, version, status, severity, affected_services, assignee)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (incident_id) DO UPDATE SET version = $2, status = $3, severity = $4,
    affected_services = $5, assignee = $6, at = now()

-- name: told
-- What was told of incidents; what still waits stays so until the transaction ends.
SELECT delivery_id, receiver_id, incident_id, version, event, state, attempts, due_at, done_at
FROM deliveries WHERE incident_id = ANY($1::uuid[]) FOR UPDATE

-- name: insert
-- Something to tell; once for a receiver, an incident and its version.
INSERT INTO deliveries (delivery_id, receiver_id, incident_id, version, event, incident, due_at)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING

-- name: insert_silence
-- Something to tell of a silence: after what was told of it before.
INSERT INTO deliveries (delivery_id, receiver_id, incident_id, version, event, incident, due_at)
SELECT $1, $2, $3, coalesce(max(version), 0) + 1, $4, $5, $6 FROM deliveries
WHERE receiver_id = $2 AND incident_id = $3
ON CONFLICT DO NOTHING

-- name: supersede
-- Newer news take the place of these.
UPDATE deliveries SET state = 'superseded', done_at = now()
WHERE delivery_id = ANY($1::uuid[]) AND state = 'waiting' AND attempts = 0

-- name: waiting
-- How many could leave, by receiver.
SELECT d.receiver_id, count(*) AS count FROM deliveries d JOIN receivers r ON r.id = d.receiver_id
WHERE d.state = 'waiting' AND d.due_at <= now()
  AND (d.lease_until IS NULL OR d.lease_until < now())
  AND (r.definition ->> 'enabled')::boolean
  AND NOT EXISTS (SELECT FROM deliveries e WHERE e.receiver_id = d.receiver_id
      AND e.incident_id = d.incident_id AND e.state = 'waiting' AND e.version < d.version)
GROUP BY d.receiver_id

-- name: next_due
-- Seconds until something more is due.
SELECT extract(epoch FROM min(due_at) - now())::float8 FROM deliveries
WHERE state = 'waiting' AND due_at > now()

-- name: claim
-- Take some of a receiver in hand; of an incident only what is next. `$4` names the lease.
UPDATE deliveries SET attempts = attempts + 1, lease = $4, tried_at = coalesce(tried_at, now()),
    lease_until = now() + make_interval(secs => $3)
WHERE delivery_id IN (
    SELECT d.delivery_id FROM deliveries d
    WHERE d.receiver_id = $1 AND d.state = 'waiting' AND d.due_at <= now()
      AND (d.lease_until IS NULL OR d.lease_until < now())
      AND NOT EXISTS (SELECT FROM deliveries e WHERE e.receiver_id = d.receiver_id
          AND e.incident_id = d.incident_id AND e.state = 'waiting' AND e.version < d.version)
    ORDER BY d.due_at, d.version LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING delivery_id, incident_id, version, event, incident, attempts, due_at,
    extract(epoch FROM now() - tried_at)::float8 AS failing_s

-- name: sent_of_late
-- Messages that a receiver took within a minute.
SELECT count(DISTINCT message_id) FROM deliveries
WHERE receiver_id = $1 AND state = 'delivered' AND done_at > now() - interval '1 minute'

-- name: reference
-- What the provider calls the message that told of an incident.
SELECT reference FROM deliveries
WHERE receiver_id = $1 AND incident_id = $2 AND state = 'delivered' AND reference <> ''
ORDER BY version DESC LIMIT 1

-- name: delivered
-- One message with these was taken: only its sender says so, and once. On their timelines too,
-- in one statement; the receiver's row is left alone while it said so a second ago.
WITH done AS (
    UPDATE deliveries SET state = 'delivered', done_at = now(), lease = NULL, lease_until = NULL,
        message_id = $3, reference = $4, last_error = ''
    WHERE delivery_id = ANY($1::uuid[]) AND lease = $2 AND state = 'waiting'
    RETURNING delivery_id, receiver_id, incident_id, event, attempts
), told AS (
    INSERT INTO incident_events (incident_id, kind, actor, data)
    SELECT d.incident_id, 'notified', $5, jsonb_build_object('receiver', r.name,
        'event', d.event, 'delivery_id', d.delivery_id, 'attempts', d.attempts)
    FROM done d JOIN receivers r ON r.id = d.receiver_id
    WHERE d.event NOT IN ('silence_begun', 'silence_ended') ORDER BY d.incident_id
), noted AS (
    UPDATE receivers SET last_delivered_at = now()
    WHERE id IN (SELECT receiver_id FROM done)
      AND (last_delivered_at IS NULL OR last_delivered_at < now() - interval '1 second'
          OR last_failed_at >= last_delivered_at)
)
SELECT count(*) FROM done

-- name: again
-- These were not taken and are tried again.
WITH done AS (
    UPDATE deliveries SET due_at = now() + make_interval(secs => $3), lease = NULL,
        lease_until = NULL, last_error = $4
    WHERE delivery_id = ANY($1::uuid[]) AND lease = $2 AND state = 'waiting'
    RETURNING receiver_id
), noted AS (
    UPDATE receivers SET last_failed_at = now(), last_error = $4
    WHERE id IN (SELECT receiver_id FROM done)
)
SELECT count(*) FROM done

-- name: failed
-- These are given up; on their timelines too.
WITH done AS (
    UPDATE deliveries SET state = 'failed', done_at = now(), lease = NULL, lease_until = NULL,
        last_error = $3
    WHERE delivery_id = ANY($1::uuid[]) AND lease = $2 AND state = 'waiting'
    RETURNING delivery_id, receiver_id, incident_id, event, attempts
), told AS (
    INSERT INTO incident_events (incident_id, kind, actor, data)
    SELECT d.incident_id, 'notification_failed', $4, jsonb_build_object('receiver', r.name,
        'event', d.event, 'delivery_id', d.delivery_id, 'attempts', d.attempts, 'error', $3::text)
    FROM done d JOIN receivers r ON r.id = d.receiver_id
    WHERE d.event NOT IN ('silence_begun', 'silence_ended') ORDER BY d.incident_id
), noted AS (
    UPDATE receivers SET last_failed_at = now(), last_error = $3
    WHERE id IN (SELECT receiver_id FROM done)
)
SELECT count(*) FROM done

-- name: waiting_in_all
-- How many are due and not delivered.
SELECT count(*) FROM deliveries WHERE state = 'waiting' AND due_at <= now()
