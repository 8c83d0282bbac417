"""Records of the compacted topic `liveops.config`, by which services share settings.

Key `rule/<id>`, `silence/<id>`, `topology/declared`, `deleted/<service>`, `revoked/<jti>`,
`revoked/user:<name>`; value the JSON object, or a tombstone when it is gone. A revoked
token's value is when it expires, a user's since when their tokens are good, a deleted
service's when somebody said that it is no more (epoch seconds).
"""

from __future__ import annotations

RULE = "rule/"
SILENCE = "silence/"
TOPOLOGY_DECLARED = "topology/declared"
DELETED = "deleted/"
REVOKED = "revoked/"
#: Follows `revoked/` where all older tokens of a user are meant; no jti looks like it.
USER = "user:"
