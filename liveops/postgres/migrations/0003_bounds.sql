-- What is kept has a bound: an incident counts the detections it does not hold, and an event
-- that the broker will never take is set aside with the reason, so that it holds up nothing.
ALTER TABLE incidents ADD COLUMN detections_dropped bigint NOT NULL DEFAULT 0;

ALTER TABLE outbox ADD COLUMN refused_at timestamptz, ADD COLUMN refusal text;
DROP INDEX outbox_unsent;
CREATE INDEX outbox_unsent ON outbox (id) WHERE sent_at IS NULL AND refused_at IS NULL;
CREATE INDEX outbox_refused ON outbox (refused_at) WHERE refused_at IS NOT NULL;
