-- name: begin_offset
-- The correlator's offset exists from its first look on.
INSERT INTO sink_offsets (sink, topic, partition, next_offset) VALUES ('correlator', $1, $2, 0)
ON CONFLICT DO NOTHING

-- name: lock_offset
-- Where the correlator is; held until the transaction ends, so that one at a time folds.
SELECT next_offset, revision, settled_s FROM sink_offsets
WHERE sink = 'correlator' AND topic = $1 AND partition = $2 FOR UPDATE

-- name: advance_offset
-- Move on, from the offset that was read; each transaction counts.
UPDATE sink_offsets SET next_offset = $4, settled_s = $5, revision = revision + 1
WHERE sink = 'correlator' AND topic = $1 AND partition = $2 AND next_offset = $3
RETURNING revision

-- name: groups
-- The open groups, as far as they are settled.
SELECT state FROM correlation_groups

-- name: save_group
-- A new or changed group.
INSERT INTO correlation_groups (incident_id, state) VALUES ($1, $2)
ON CONFLICT (incident_id) DO UPDATE SET state = EXCLUDED.state

-- name: delete_group
-- Groups that are over.
DELETE FROM correlation_groups WHERE incident_id = ANY($1::uuid[])

-- name: waiting
-- Detections that are not settled.
SELECT state FROM correlation_waiting

-- name: save_waiting
-- A detection that was read.
INSERT INTO correlation_waiting (record_offset, state) VALUES ($1, $2)
ON CONFLICT (record_offset) DO UPDATE SET state = EXCLUDED.state

-- name: delete_waiting
-- Detections that are settled.
DELETE FROM correlation_waiting WHERE record_offset = ANY($1::bigint[])

-- name: told
-- What was told of incidents.
SELECT state FROM correlation_told

-- name: save_told
-- What was told of an incident.
INSERT INTO correlation_told (incident_id, state) VALUES ($1, $2)
ON CONFLICT (incident_id) DO UPDATE SET state = EXCLUDED.state

-- name: delete_told
-- Incidents of which the correlator has nothing more to tell.
DELETE FROM correlation_told WHERE incident_id = ANY($1::uuid[])

-- name: resolved
-- Which of these incidents are resolved; one that a person changes meanwhile is heeded next time.
SELECT id FROM incidents WHERE id = ANY($1::uuid[]) AND status = 'resolved'

-- name: learned_edges
-- The part of the call graph learned from peer tags.
SELECT caller, callee FROM topology_edges WHERE source = 'learned'

-- name: learn_edge
-- An edge seen in a peer tag.
INSERT INTO topology_edges (caller, callee, source, last_seen) VALUES ($1, $2, 'learned', now())
ON CONFLICT (caller, callee, source) DO UPDATE SET last_seen = now()
