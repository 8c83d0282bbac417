-- Detections that are not settled, and what was told of incidents, beside the settled groups.
CREATE TABLE correlation_waiting (
    record_offset bigint PRIMARY KEY,
    state         jsonb  NOT NULL
);
CREATE TABLE correlation_told (
    incident_id uuid  PRIMARY KEY,
    state       jsonb NOT NULL
);
ALTER TABLE sink_offsets ADD COLUMN settled_s double precision NOT NULL DEFAULT 0;

-- What groups knew of their incidents so far.
INSERT INTO correlation_told (incident_id, state)
SELECT incident_id, jsonb_build_object(
    'incident_id', incident_id, 'group', incident_id, 'anchor', '', 'opened_s', 0,
    'content', coalesce(nullif(state -> 'told', '{}'), '{"title": ""}'),
    'told_s', coalesce(state -> 'told_s', '0'), 'resolved', coalesce(state -> 'resolved', 'false'),
    'split_from', coalesce(state -> 'split_from', '""'))
FROM correlation_groups WHERE coalesce(state -> 'hold_until_s', 'null') = 'null';

INSERT INTO correlation_told (incident_id, state)
SELECT part.key::uuid, jsonb_build_object(
    'incident_id', part.key, 'group', incident_id, 'anchor', part.value -> 0, 'opened_s', 0,
    'content', '{}'::jsonb, 'resolved', true, 'into', incident_id, 'parts', part.value)
FROM correlation_groups CROSS JOIN LATERAL jsonb_each(coalesce(state -> 'parts', '{}')) AS part
ON CONFLICT DO NOTHING;
