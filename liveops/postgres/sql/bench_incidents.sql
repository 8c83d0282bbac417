-- name: fill_incidents
-- So many incidents of 300 services over 90 days up to a time, one in 200 not resolved.
INSERT INTO incidents (id, title, description, severity, status, service_name, affected_services,
    detected_at, acknowledged_at, resolved_at, source, fingerprint, detections, verdict)
SELECT gen_random_uuid(), service || ': latency_ms rose to ' || i % 977 || ', usually 55.8',
       'Most likely origin: ' || service || E'.\nAlso affected: svc-' || i * 7 % 300 || E'.\n'
           || service || ' latency_ms (ensemble, 1m): ' || md5(i::text) || ', since then.',
       (ARRAY['critical', 'high', 'medium', 'low'])[1 + i % 4],
       CASE i % 400 WHEN 0 THEN 'open' WHEN 200 THEN 'acknowledged' ELSE 'resolved' END,
       service, ARRAY[service, 'svc-' || i * 7 % 300], at, at + interval '4 minutes',
       CASE WHEN i % 200 <> 0 THEN at + interval '20 minutes' END, 'detector',
       service || '|latency_ms', $3::jsonb,
       CASE i % 10 WHEN 0 THEN 'not_an_incident' WHEN 1 THEN 'right' END
FROM (SELECT i, 'svc-' || i % 300 AS service,
          $2::timestamptz - interval '90 days' * i / $1::int AS at
      FROM generate_series(1, $1::int) i) AS made

-- name: any_ids
-- Ids of incidents chosen by chance.
SELECT id FROM incidents ORDER BY md5(id::text) LIMIT $1
