-- name: make_series
-- Where the series of `liveops bench query` are.
CREATE TEMP TABLE bench_series (service_name text, metric_type text, tags jsonb, series text)

-- name: fill_series
-- Services, of each some metric types, of each some hosts.
INSERT INTO bench_series
SELECT 'svc-' || lpad(s::text, 3, '0'), 'metric_' || m || '_ms',
       jsonb_build_object('host', 'h' || h, 'zone', 'z' || h % 2),
       'metric_' || m || '_ms{host=h' || h || ',zone=z' || h % 2 || '}'
FROM generate_series(0, $1::int - 1) s, generate_series(0, $2::int - 1) m,
     generate_series(0, $3::int - 1) h

-- name: fill_windows
-- Windows of one size of a span, in the order of time, into the table %TABLE%.
INSERT INTO "%TABLE%" (service_name, metric_type, tags, series, "window", start, "end", count, sum,
    min, max, mean, stddev, p50, p95, p99, rate, revision, histogram)
SELECT service_name, metric_type, tags, series, $1, start, start + $2::interval, $3::bigint, $3::bigint * v,
       v * 0.7, v * 1.4, v, v * 0.1, v, v * 1.2, v * 1.3,
       $3::bigint / extract(epoch FROM $2::interval), 0, ($6::jsonb[])[1 + (v * 97)::int % 8]
FROM (SELECT b.*, start, 20 + 80 * random() AS v
      FROM generate_series($4::timestamptz, $5::timestamptz - $2::interval, $2::interval) start
      CROSS JOIN bench_series b) AS made

-- name: fill_rollups
-- Rollups of one size of a span.
INSERT INTO metric_rollups (service_name, metric_type, tags, series, "window", start, "end",
    count, sum, min, max, mean, stddev, p50, p95, p99, rate, kind, sketch)
SELECT service_name, metric_type, tags, md5(series)::uuid, $1, start, start + $2::interval, $3::bigint,
       $3::bigint * v, v * 0.7, v * 1.4, v, v * 0.1, v, v * 1.2, v * 1.3,
       $3::bigint / extract(epoch FROM $2::interval), 'gauge', ($6::bytea[])[1 + (v * 97)::int % 8]
FROM (SELECT b.*, start, 20 + 80 * random() AS v
      FROM generate_series($4::timestamptz, $5::timestamptz - $2::interval, $2::interval) start
      CROSS JOIN bench_series b) AS made

-- name: fill_services
-- These services report.
INSERT INTO service_metrics
SELECT DISTINCT service_name, metric_type, 'gauge', now() FROM bench_series

-- name: sizes
-- How many windows there are, by the statistics, and how many bytes tables and indexes take.
SELECT (SELECT sum(reltuples) FROM pg_class c JOIN pg_inherits i ON c.oid = i.inhrelid
        WHERE i.inhparent = 'metric_windows'::regclass AND reltuples > 0)::bigint AS windows,
       (SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits
        WHERE inhparent = 'metric_windows'::regclass)::bigint AS windows_bytes,
       (SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits
        WHERE inhparent = 'metric_rollups'::regclass)::bigint AS rollups_bytes
