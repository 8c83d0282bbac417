-- name: all
-- Every receiver by name.
SELECT * FROM receivers ORDER BY name, id

-- name: fetch
-- One receiver.
SELECT * FROM receivers WHERE id = $1

-- name: insert
-- A new receiver.
INSERT INTO receivers (id, name, definition, secret) VALUES ($1, $2, $3, $4)

-- name: lock
-- One receiver, kept from changing until the transaction ends.
SELECT version, secret FROM receivers WHERE id = $1 FOR UPDATE

-- name: update
-- Another receiver in the place of one.
UPDATE receivers SET name = $2, definition = $3, secret = $4, version = $5 WHERE id = $1

-- name: delete
-- Remove a receiver, and what it was told.
DELETE FROM receivers WHERE id = $1 RETURNING id

-- name: delivered
-- A receiver took a message.
UPDATE receivers SET last_delivered_at = now() WHERE id = $1

-- name: failed
-- A receiver did not take a message.
UPDATE receivers SET last_failed_at = now(), last_error = $2 WHERE id = $1

-- name: failing
-- Receivers whose last message was not delivered.
SELECT count(*) FROM receivers
WHERE last_failed_at > coalesce(last_delivered_at, '-infinity')
  AND (definition ->> 'enabled')::boolean
