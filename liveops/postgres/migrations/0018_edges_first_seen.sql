-- Since when a call is known.
ALTER TABLE topology_edges ADD COLUMN first_seen timestamptz;
UPDATE topology_edges SET first_seen = last_seen;
ALTER TABLE topology_edges ALTER COLUMN first_seen SET DEFAULT now();
