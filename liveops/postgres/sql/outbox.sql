-- name: enqueue
-- An event that leaves once the transaction commits.
INSERT INTO outbox (topic, key, value) VALUES ($1, $2, $3)

-- name: wake
-- Tell the relay; delivered at commit.
SELECT pg_notify('outbox', '')

-- name: unsent
-- What has not left yet, in order.
SELECT id, topic, key, value FROM outbox WHERE sent_at IS NULL ORDER BY id LIMIT 500

-- name: mark_sent
-- After the broker's ack.
UPDATE outbox SET sent_at = now() WHERE id = ANY($1::bigint[])
