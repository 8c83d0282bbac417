-- name: forget_refresh
-- Refresh tokens that have expired; used ones stay until then, to recognise a copy.
DELETE FROM refresh_tokens WHERE expires_at < now()

-- name: forget_revoked
-- Revocations of access tokens that have expired by themselves.
DELETE FROM revoked_tokens WHERE expires_at < now() RETURNING jti

-- name: forget_deleted
-- Services of which nothing is remembered any more.
DELETE FROM deleted_services WHERE deleted_at < now() - interval '30 days'
RETURNING service_name

-- name: forget_silences
-- Silences that ended over a day ago.
DELETE FROM silences WHERE (definition ->> 'ends_at')::timestamptz < now() - interval '1 day'
RETURNING id

-- name: forget_outbox
-- Events that left over a day ago, and those that were set aside a month ago.
DELETE FROM outbox
WHERE (sent_at < now() - interval '1 day' OR refused_at < now() - interval '30 days')
  AND (routed_at IS NOT NULL OR topic NOT IN ('incidents.detected', 'incidents.updated'))

-- name: forget_deliveries
-- What was told over 30 days ago.
DELETE FROM deliveries WHERE state <> 'waiting' AND created_at < now() - interval '30 days'

-- name: forget_llm_calls
-- What the language model did over 90 days ago.
DELETE FROM llm_calls WHERE at < now() - interval '90 days'

-- name: forget_told
-- Resolved incidents that nothing was told of for 30 days.
DELETE FROM told_incidents WHERE status = 'resolved' AND at < now() - interval '30 days'

-- name: forget_edges
-- Learned edges not seen for a while, and above the count those seen longest ago.
DELETE FROM topology_edges
WHERE source = 'learned' AND (last_seen < now() - make_interval(days => $2) OR (caller, callee) IN (
    SELECT caller, callee FROM topology_edges WHERE source = 'learned'
    ORDER BY last_seen DESC NULLS LAST, caller, callee OFFSET $1))

-- name: forget_detector_memory
-- What was remembered of series that are no more, or for rules that are no more.
DELETE FROM detector_memory
WHERE saved_at < now() - interval '15 days'
   OR NOT EXISTS (SELECT FROM rules WHERE rules.id = detector_memory.rule_id)
