-- name: delete
-- A service is no more.
INSERT INTO deleted_services (service_name, deleted_at) VALUES ($1, $2)
ON CONFLICT (service_name) DO UPDATE SET deleted_at = excluded.deleted_at

-- name: deleted
-- All that are no more.
SELECT service_name, deleted_at FROM deleted_services
