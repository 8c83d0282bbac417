-- What people say of a service: who owns it, and where to look further (templates of URLs).
CREATE TABLE service_cards (
    service_name varchar(128) PRIMARY KEY,
    owner        text        NOT NULL DEFAULT '',
    links        jsonb       NOT NULL DEFAULT '{}',
    version      integer     NOT NULL DEFAULT 1,
    updated_at   timestamptz NOT NULL DEFAULT now(),
    updated_by   text        NOT NULL
);

-- What the role `reader` sees, and nothing else: windows, incidents and services, for Grafana
-- and the like. Views read with their owner's rights.
CREATE SCHEMA reader;
CREATE VIEW reader.windows AS
    SELECT service_name, metric_type, tags, "window", start, "end", count, sum, min, max, mean,
           stddev, p50, p95, p99, rate, kind, increase, rate_per_s, revision
    FROM metric_windows
    UNION ALL
    SELECT service_name, metric_type, tags, "window", start, "end", count, sum, min, max, mean,
           stddev, p50, p95, p99, rate, kind, increase, rate_per_s, revision
    FROM metric_rollups;
CREATE VIEW reader.incidents AS
    SELECT id, title, severity, status, service_name, affected_services, detected_at,
           acknowledged_at, resolved_at, assignee, source, stale
    FROM incidents;
CREATE VIEW reader.services AS
    SELECT m.service_name, m.metric_type, m.kind, m.last_seen, coalesce(c.owner, '') AS owner,
           coalesce(c.links, '{}') AS links
    FROM service_metrics m LEFT JOIN service_cards c USING (service_name);
