-- name: read
-- What a rule remembers of the series of a service, in the forms that are read.
SELECT series, extract(epoch FROM newest)::bigint AS newest_s, state
FROM detector_memory WHERE service_name = $1 AND rule_id = $2 AND form = ANY($3)

-- name: save
-- Series of a rule as they are remembered now.
INSERT INTO detector_memory (rule_id, service_name, series, newest, form, state)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (service_name, rule_id, md5(series))
DO UPDATE SET newest = EXCLUDED.newest, form = EXCLUDED.form, state = EXCLUDED.state,
    saved_at = now()

-- name: windows
-- Closed windows of a service's series, the oldest first, for a rule to learn.
SELECT * FROM (
    SELECT series, extract(epoch FROM start)::bigint AS start_s, CASE
               CASE WHEN kind IN ('counter', 'delta') AND $5::text NOT IN ('count', 'rate', 'increase')
                   THEN 'rate_per_s' ELSE $5::text END
               WHEN 'mean' THEN mean WHEN 'min' THEN min WHEN 'max' THEN max WHEN 'sum' THEN sum
               WHEN 'count' THEN count WHEN 'rate' THEN rate WHEN 'stddev' THEN stddev
               WHEN 'p50' THEN p50 WHEN 'p95' THEN p95 WHEN 'p99' THEN p99
               WHEN 'increase' THEN increase WHEN 'rate_per_s' THEN rate_per_s
           END AS value
    FROM metric_windows
    WHERE service_name = $1 AND "window" = $2 AND start > $3 AND start <= $4 AND NOT backfill
    ORDER BY start DESC LIMIT $6) AS newest
ORDER BY start_s

-- name: points
-- Means of what a rule judges of the closed windows of some series of a service, by place in time.
SELECT series, floor(extract(epoch FROM start) / $7)::bigint AS place, avg(CASE
           CASE WHEN kind IN ('counter', 'delta') AND $6::text NOT IN ('count', 'rate', 'increase')
               THEN 'rate_per_s' ELSE $6::text END
           WHEN 'mean' THEN mean WHEN 'min' THEN min WHEN 'max' THEN max WHEN 'sum' THEN sum
           WHEN 'count' THEN count WHEN 'rate' THEN rate WHEN 'stddev' THEN stddev
           WHEN 'p50' THEN p50 WHEN 'p95' THEN p95 WHEN 'p99' THEN p99
           WHEN 'increase' THEN increase WHEN 'rate_per_s' THEN rate_per_s
       END) AS value
FROM metric_windows
WHERE service_name = $1 AND "window" = $2 AND start > $3 AND start <= $4
    AND series = ANY($5::text[]) AND NOT backfill
GROUP BY 1, 2
ORDER BY 1, 2
