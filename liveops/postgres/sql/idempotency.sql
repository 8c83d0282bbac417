-- name: begin
-- Claim a key; no row when somebody has it already.
INSERT INTO idempotency_keys (subject, key, body_hash) VALUES ($1, $2, $3)
ON CONFLICT DO NOTHING RETURNING key

-- name: fetch
-- What is known of a key, and how long ago it was claimed.
SELECT body_hash, status, answer, extract(epoch FROM now() - created_at)::float8 AS age_s
FROM idempotency_keys WHERE subject = $1 AND key = $2

-- name: take_over
-- Claim again a key whose first holder gave no answer in time.
UPDATE idempotency_keys SET created_at = now()
WHERE subject = $1 AND key = $2 AND status IS NULL AND created_at < now() - make_interval(secs => $3)
RETURNING key

-- name: finish
-- Keep the answer for whoever repeats the call.
UPDATE idempotency_keys SET status = $3, answer = $4 WHERE subject = $1 AND key = $2

-- name: abandon
-- The call failed: let the next one try.
DELETE FROM idempotency_keys WHERE subject = $1 AND key = $2 AND status IS NULL

-- name: expire
-- Answers are kept for a day.
DELETE FROM idempotency_keys WHERE created_at < now() - interval '24 hours'
