"""Records of the compacted topic `liveops.config`, by which services share settings.

Key `rule/<id>`, `silence/<id>`, `topology/declared`, `revoked/<jti>`; value the JSON
object, or a tombstone when it is gone.
"""

from __future__ import annotations

RULE = "rule/"
SILENCE = "silence/"
TOPOLOGY_DECLARED = "topology/declared"
REVOKED = "revoked/"
