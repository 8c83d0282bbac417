"""Whether the ranking names a cause, and how sure the code (not a model) is of it."""

from __future__ import annotations

from collections.abc import Sequence

from liveops.rca.ranking import Candidate
from schema.analysis import Verdict

#: Below this the best candidate is no cause: quiet data reaches about 0.12.
_LEAST_SCORE = 0.15
#: A score from which more says nothing.
_FULL_SCORE = 0.6
_INCONCLUSIVE_CEILING = 0.3


def verdict(ranked: Sequence[Candidate]) -> Verdict:
    """`inconclusive` when nothing deviates enough to be named."""
    return "cause_found" if ranked and ranked[0].score >= _LEAST_SCORE else "inconclusive"


def confidence(
    ranked: Sequence[Candidate], service: str | None = None, verified_share: float = 1.0
) -> float:
    """Confidence in [0, 1] that `service` (default: the first) is the cause.

    Half for the size of its score, half for its lead over the best other one; scaled
    by the share of claims that could be verified.
    """
    if not ranked:
        return 0.0
    chosen = service or ranked[0].service_name
    score = next((c.score for c in ranked if c.service_name == chosen), 0.0)
    rival = max((c.score for c in ranked if c.service_name != chosen), default=0.0)
    size = min(1.0, score / _FULL_SCORE)
    lead = max(0.0, 1 - rival / score) if score else 0.0
    share = (0.5 * size + 0.5 * lead) * max(0.0, min(1.0, verified_share))
    if verdict(ranked) == "inconclusive":
        share = min(share, _INCONCLUSIVE_CEILING)
    return round(share, 3)
