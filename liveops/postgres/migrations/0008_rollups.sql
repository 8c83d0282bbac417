-- Windows of an hour and of a day, merged from those of 15 minutes; kept longer than these.
-- Monthly partitions. Series keys may be longer than an index entry.
CREATE TABLE metric_rollups (
    service_name varchar(128)     NOT NULL,
    metric_type  varchar(128)     NOT NULL,
    tags         jsonb            NOT NULL DEFAULT '{}',
    series       uuid             NOT NULL,
    "window"     varchar(4)       NOT NULL CHECK ("window" IN ('1h', '1d')),
    start        timestamptz      NOT NULL,
    "end"        timestamptz      NOT NULL,
    count        bigint           NOT NULL,
    sum          double precision NOT NULL,
    min          double precision NOT NULL,
    max          double precision NOT NULL,
    mean         double precision NOT NULL,
    stddev       double precision NOT NULL,
    p50          double precision NOT NULL,
    p95          double precision NOT NULL,
    p99          double precision NOT NULL,
    rate         double precision NOT NULL,
    kind         varchar(16)      NOT NULL,
    increase     double precision,
    rate_per_s   double precision,
    revision     integer          NOT NULL DEFAULT 0,
    sketch       bytea            NOT NULL,
    PRIMARY KEY (service_name, "window", metric_type, start, series)
) PARTITION BY RANGE (start);

-- Hours and days whose rollups are not yet what the windows say: written in the transaction
-- that stores a window, gone in the one that stores the rollups. Rows are never changed.
CREATE TABLE rollup_changes (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    service_name varchar(128) NOT NULL,
    "window"     varchar(4)   NOT NULL,
    start        timestamptz  NOT NULL
);
CREATE INDEX rollup_changes_by_age ON rollup_changes ("window", start);
CREATE INDEX rollup_changes_by_service ON rollup_changes (service_name, start);

-- Days stored by a version without rollups; services up to `done` have theirs.
CREATE TABLE rollup_backlog (
    day  date PRIMARY KEY,
    done varchar(128) NOT NULL DEFAULT ''
);
INSERT INTO rollup_backlog (day)
SELECT to_date(right(c.relname, 8), 'YYYYMMDD')
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'metric_windows'::regclass;

-- Metric types that services report; `last_seen` follows within minutes.
CREATE TABLE service_metrics (
    service_name varchar(128) NOT NULL,
    metric_type  varchar(128) NOT NULL,
    kind         varchar(16)  NOT NULL,
    last_seen    timestamptz  NOT NULL,
    PRIMARY KEY (service_name, metric_type)
);
INSERT INTO service_metrics
SELECT service_name, metric_type, max(kind), max("end") FROM metric_windows
WHERE "window" = '15m' AND start >= now() - interval '1 day' GROUP BY service_name, metric_type;
