-- Minutes to recompute from the archive, until that is done. A row waits until the archive
-- has stored the record at `record_offset` of this partition of metrics.raw; -1 waits for none.
CREATE TABLE dirty_minutes (
    service_name  varchar(128) NOT NULL,
    minute        bigint       NOT NULL,
    origin        integer      NOT NULL,
    record_offset bigint       NOT NULL,
    PRIMARY KEY (service_name, minute, origin)
);
