-- Counts the correlator's transactions, so that its owner knows whether the groups it
-- remembers are those that are stored.
ALTER TABLE sink_offsets ADD COLUMN revision bigint NOT NULL DEFAULT 0;
