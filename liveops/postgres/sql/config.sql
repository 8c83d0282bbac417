-- name: rules
-- All rules, oldest first.
SELECT id, definition, version FROM rules ORDER BY created_at, id

-- name: insert_rule
-- A new rule; an existing id stays as it is.
INSERT INTO rules (id, definition) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING RETURNING id

-- name: rule
-- One rule.
SELECT id, definition, version FROM rules WHERE id = $1

-- name: lock_rule
-- The version of a rule, which stays until the transaction ends.
SELECT version FROM rules WHERE id = $1 FOR UPDATE

-- name: update_rule
-- Another rule in the place of one.
UPDATE rules SET definition = $2, version = $3 WHERE id = $1

-- name: delete_rule
-- Remove a rule.
DELETE FROM rules WHERE id = $1 RETURNING id

-- name: silences
-- Silences that have not ended, oldest first.
SELECT id, definition FROM silences
WHERE (definition ->> 'ends_at')::timestamptz > now() ORDER BY created_at, id

-- name: insert_silence
-- A new silence.
INSERT INTO silences (id, definition) VALUES ($1, $2)

-- name: update_silence
-- Another silence in the place of one.
UPDATE silences SET definition = $2 WHERE id = $1 RETURNING id

-- name: delete_silence
-- End a silence.
DELETE FROM silences WHERE id = $1 RETURNING id

-- name: edges
-- The call graph from all sources.
SELECT caller, callee, source, first_seen, last_seen FROM topology_edges ORDER BY caller, callee, source

-- name: lock_declared
-- One declaration at a time: of two at once the whole of the later one stays.
SELECT pg_advisory_xact_lock(hashtext('topology/declared'))

-- name: forget_declared
-- What was declared before and is no more.
DELETE FROM topology_edges WHERE source = 'declared' AND (caller, callee) NOT IN (
    SELECT * FROM unnest($1::text[], $2::text[]))

-- name: declare_edge
-- One declared edge.
INSERT INTO topology_edges (caller, callee, source, last_seen) VALUES ($1, $2, 'declared', now())
ON CONFLICT (caller, callee, source) DO UPDATE SET last_seen = now()

-- name: begin_defaults
-- True once in the life of a database: the default rules are not there yet.
INSERT INTO sink_offsets (sink, topic, partition, next_offset)
VALUES ('default-rules', $1, 0, 1)
ON CONFLICT DO NOTHING RETURNING next_offset
