-- Kinds of metric: what a raw metric says beside its value (once, start, histogram), what
-- counters and deltas grew by in a window, and from where on the stream corrects by itself.
ALTER TABLE metrics ADD COLUMN kind varchar(16), ADD COLUMN told jsonb;
ALTER TABLE metric_windows ADD COLUMN kind varchar(16) NOT NULL DEFAULT 'gauge',
    ADD COLUMN increase double precision, ADD COLUMN rate_per_s double precision;
ALTER TABLE dirty_minutes ADD COLUMN horizon bigint NOT NULL DEFAULT 0;
