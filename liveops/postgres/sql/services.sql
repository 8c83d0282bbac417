-- name: delete
-- A service is no more.
INSERT INTO deleted_services (service_name, deleted_at) VALUES ($1, $2)
ON CONFLICT (service_name) DO UPDATE SET deleted_at = excluded.deleted_at

-- name: deleted
-- All that are no more.
SELECT service_name, deleted_at FROM deleted_services

-- name: seen
-- Services that were seen since a time, roughly, of these names if given.
SELECT service_name, max(last_seen) AS last_seen,
       array_agg(metric_type ORDER BY metric_type) AS metric_types,
       array_agg(kind ORDER BY metric_type) AS kinds
FROM service_metrics
WHERE last_seen >= $1 AND ($2::text[] IS NULL OR service_name = ANY($2))
GROUP BY service_name ORDER BY service_name

-- name: newest
-- Of each service its newest closed minute since a time, with its series and values, and how
-- many series the newest closed 15 minutes have.
SELECT s.service_name, minute.start, counted.series, counted.count, quarter.series AS quarter
FROM unnest($1::text[]) AS s (service_name)
CROSS JOIN LATERAL (
    SELECT start FROM metric_windows
    WHERE service_name = s.service_name AND "window" = '1m' AND start >= $2 AND start < $3
    ORDER BY start DESC LIMIT 1) AS minute
CROSS JOIN LATERAL (
    SELECT count(*) AS series, sum(count)::bigint AS count FROM metric_windows
    WHERE service_name = s.service_name AND "window" = '1m' AND start = minute.start
      AND start >= $2 AND start < $3) AS counted
LEFT JOIN LATERAL (
    SELECT count(*) AS series FROM metric_windows
    WHERE service_name = s.service_name AND "window" = '15m' AND start >= $2 AND start < $3
      AND start = (
        SELECT max(start) FROM metric_windows
        WHERE service_name = s.service_name AND "window" = '15m' AND start >= $2 AND start < $3
          AND start >= minute.start - interval '30 minutes' AND start <= minute.start)
) AS quarter ON true

-- name: forget_metrics
-- Metric types of which no window is left.
DELETE FROM service_metrics WHERE last_seen < $1

-- name: cards
-- What is said of some services.
SELECT service_name, owner, links, runbook_text, version FROM service_cards WHERE service_name = ANY($1::text[])

-- name: lock_card
-- One at a time changes what is said of a service.
SELECT pg_advisory_xact_lock(hashtextextended($1, 1667330660))

-- name: card
-- What is said of a service.
SELECT service_name, owner, links, runbook_text, version FROM service_cards WHERE service_name = $1

-- name: put_card
-- The next version of what is said of a service.
INSERT INTO service_cards (service_name, owner, links, runbook_text, version, updated_by)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (service_name) DO UPDATE SET owner = EXCLUDED.owner, links = EXCLUDED.links,
    runbook_text = EXCLUDED.runbook_text, version = EXCLUDED.version, updated_by = EXCLUDED.updated_by, updated_at = now()
