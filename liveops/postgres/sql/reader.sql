-- name: role
-- Whether there is the role, and whether we may make or change it.
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'reader') AS is_there,
       (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user) AS may_make

-- name: grant
-- Read what is in the schema `reader`, a while at most.
ALTER ROLE reader NOCREATEDB NOCREATEROLE CONNECTION LIMIT 20;
ALTER ROLE reader SET default_transaction_read_only = on;
ALTER ROLE reader SET statement_timeout = '30s';
ALTER ROLE reader SET search_path = reader;
GRANT USAGE ON SCHEMA reader TO reader;
GRANT SELECT ON ALL TABLES IN SCHEMA reader TO reader

-- name: no_login
-- Nobody signs in without a password.
ALTER ROLE reader NOLOGIN PASSWORD NULL

-- name: login
-- The statement that sets a password, given as its verifier.
SELECT format('ALTER ROLE reader LOGIN PASSWORD %L', $1::text)
