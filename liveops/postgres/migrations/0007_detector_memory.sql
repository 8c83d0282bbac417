-- What rules that learn remember of series: the long memory of the detectors, kept now and then.
-- Windows that came later are read from metric_windows and learned again.
CREATE TABLE detector_memory (
    rule_id      uuid         NOT NULL,
    service_name varchar(128) NOT NULL,
    series       text         NOT NULL,
    newest       timestamptz  NOT NULL,
    saved_at     timestamptz  NOT NULL DEFAULT now(),
    form         integer      NOT NULL,
    state        bytea        NOT NULL
);
-- Series keys may be longer than an index entry.
CREATE UNIQUE INDEX detector_memory_by_series
    ON detector_memory (service_name, rule_id, md5(series));
CREATE INDEX detector_memory_by_age ON detector_memory (saved_at);
