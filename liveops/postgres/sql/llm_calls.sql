-- name: lock
-- One copy at a time looks at the account and reserves.
SELECT pg_advisory_xact_lock(7201842)

-- name: spent
-- Tokens and dollars of the day (UTC), of a service today, and of an incident in all.
SELECT coalesce(sum(tokens) FILTER (WHERE today), 0)::bigint AS day_tokens,
       coalesce(sum(usd) FILTER (WHERE today), 0)::float8 AS day_usd,
       coalesce(sum(tokens) FILTER (WHERE today AND service_name = $1), 0)::bigint AS service_tokens,
       coalesce(sum(usd) FILTER (WHERE today AND service_name = $1), 0)::float8 AS service_usd,
       coalesce(sum(tokens) FILTER (WHERE incident_id = $2), 0)::bigint AS incident_tokens,
       coalesce(sum(usd) FILTER (WHERE incident_id = $2), 0)::float8 AS incident_usd
FROM (SELECT *, at >= date_trunc('day', now(), 'UTC') AS today FROM llm_calls
      WHERE (at >= date_trunc('day', now(), 'UTC') OR incident_id = $2)
        AND (expires_at IS NULL OR expires_at > now())) counted

-- name: reserve
-- Set aside what a call may cost.
INSERT INTO llm_calls (incident_id, service_name, purpose, tokens, usd, expires_at)
VALUES ($1, $2, $3, $4, $5::float8::numeric, now() + make_interval(secs => $6)) RETURNING id

-- name: settle
-- What the call did cost.
UPDATE llm_calls SET tokens = $2, usd = $3::float8::numeric, expires_at = NULL WHERE id = $1

-- name: by_service
-- Services that cost most today.
SELECT service_name, sum(tokens)::bigint AS tokens, sum(usd)::float8 AS usd, count(*) AS calls
FROM llm_calls
WHERE at >= date_trunc('day', now(), 'UTC') AND (expires_at IS NULL OR expires_at > now())
GROUP BY service_name ORDER BY sum(usd) DESC, sum(tokens) DESC, service_name LIMIT $1
