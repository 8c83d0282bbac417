-- name: fetch
-- One user.
SELECT name, password_hash, roles, disabled, created_at FROM users WHERE name = $1

-- name: all
-- Every user by name.
SELECT name, roles, disabled, created_at FROM users ORDER BY name

-- name: insert
-- A new user; an existing one stays as it is.
INSERT INTO users (name, password_hash, roles) VALUES ($1, $2, $3)
ON CONFLICT (name) DO NOTHING RETURNING name

-- name: update
-- Change what is given.
UPDATE users SET password_hash = coalesce($2, password_hash), roles = coalesce($3, roles),
    disabled = coalesce($4, disabled)
WHERE name = $1 RETURNING name

-- name: delete
-- Remove a user with their refresh tokens.
DELETE FROM users WHERE name = $1 RETURNING name

-- name: lock_administration
-- One change at a time, so that two engineers cannot remove each other.
SELECT pg_advisory_xact_lock(hashtext('users'))

-- name: engineers
-- Users who can still administer.
SELECT count(*) FROM users WHERE 'ENGINEER' = ANY(roles) AND NOT disabled

-- name: end_sessions
-- No refresh token of the user is good any more.
DELETE FROM refresh_tokens WHERE user_name = $1

-- name: add_refresh
-- A refresh token, by its hash.
INSERT INTO refresh_tokens (token_hash, family, user_name, expires_at) VALUES ($1, $2, $3, $4)

-- name: lock_refresh
-- A refresh token, kept from being used twice.
SELECT family, user_name, expires_at, used_at FROM refresh_tokens WHERE token_hash = $1 FOR UPDATE

-- name: use_refresh
-- Mark a refresh token as used.
UPDATE refresh_tokens SET used_at = now() WHERE token_hash = $1

-- name: end_family
-- A used token came again, or the user logged out: the whole family ends.
DELETE FROM refresh_tokens WHERE family = $1

-- name: revoke
-- An access token that is not good any more.
INSERT INTO revoked_tokens (jti, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING

-- name: cut_off
-- No token of this user from before now is good; kept for as long as tokens can live.
INSERT INTO revoked_tokens (jti, expires_at) VALUES ($1, now() + interval '10 years')
ON CONFLICT (jti) DO UPDATE SET expires_at = EXCLUDED.expires_at
RETURNING extract(epoch FROM clock_timestamp())::float8

-- name: ingest_tokens
-- Ingest tokens that have not been revoked, newest first.
SELECT id, name, services, created_by, created_at, expires_at FROM ingest_tokens
WHERE revoked_at IS NULL ORDER BY created_at DESC, id

-- name: add_ingest_token
-- A new ingest token; the token itself is not stored.
INSERT INTO ingest_tokens (id, name, services, created_by, expires_at) VALUES ($1, $2, $3, $4, $5)

-- name: revoke_ingest_token
-- Revoke an ingest token; how long its revocation has to be known.
UPDATE ingest_tokens SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL
RETURNING coalesce(expires_at, now() + interval '10 years') AS ends_at

-- name: revoke_ingest_tokens_of
-- The same of all tokens that a user has made.
UPDATE ingest_tokens SET revoked_at = now() WHERE created_by = $1 AND revoked_at IS NULL
RETURNING id, coalesce(expires_at, now() + interval '10 years') AS ends_at
