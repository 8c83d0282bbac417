-- name: enqueue
-- An event that leaves once the transaction commits.
INSERT INTO outbox (topic, key, value) VALUES ($1, $2, $3)

-- name: wake
-- Tell the relay; delivered at commit.
SELECT pg_notify('outbox', '')

-- name: unsent
-- What has not left yet, in order.
SELECT id, topic, key, value FROM outbox
WHERE sent_at IS NULL AND refused_at IS NULL ORDER BY id LIMIT 500

-- name: mark_sent
-- After the broker's ack.
UPDATE outbox SET sent_at = now() WHERE id = ANY($1::bigint[])

-- name: set_aside
-- The broker will never take it.
UPDATE outbox SET refused_at = now(), refusal = $2 WHERE id = $1

-- name: refused
-- How many events were set aside of late.
SELECT count(*) FROM outbox WHERE refused_at > now() - interval '1 day'
