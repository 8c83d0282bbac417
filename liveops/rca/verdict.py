"""Whether the ranking names a cause, and how sure the code (not a model) is of it."""

from __future__ import annotations

from collections.abc import Sequence

from liveops.rca.ranking import Candidate
from schema.analysis import Verdict

#: Less evidence than this, seven tenths of a departure by three sigmas, is none.
LEAST_WEIGHT = 0.8
#: Two candidates whose evidence differs by less than this share are told apart by nothing.
_ALIKE = 0.002
#: Candidates with more than this share of the first one's evidence are close to it.
_CLOSE = 0.5
INCONCLUSIVE_CEILING = 0.3


def verdict(ranked: Sequence[Candidate]) -> Verdict:
    """`cause_found` when the first candidate clearly left its past and no other equals it."""
    if not ranked or ranked[0].weight < LEAST_WEIGHT or not ranked[0].departed:
        return "inconclusive"
    second = ranked[1].weight if len(ranked) > 1 else 0.0
    return "inconclusive" if second > (1 - _ALIKE) * ranked[0].weight else "cause_found"


def confidence(
    ranked: Sequence[Candidate], service: str | None = None, verified_share: float = 1.0
) -> float:
    """Confidence in [0, 1] that `service` (default: the first) is the cause.

    Its score: the lead over the best other candidate, less where there is little
    evidence; scaled by the share of claims that could be verified.
    """
    if not ranked:
        return 0.0
    chosen = service or ranked[0].service_name
    share = next((c.score for c in ranked if c.service_name == chosen), 0.0)
    share *= max(0.0, min(1.0, verified_share))
    if verdict(ranked) == "inconclusive":
        share = min(share, INCONCLUSIVE_CEILING)
    return round(share, 3)


def close(ranked: Sequence[Candidate]) -> list[str]:
    """The first candidate and those close to it."""
    return [one.service_name for one in ranked if one.weight > _CLOSE * ranked[0].weight]


def reasons(ranked: Sequence[Candidate]) -> list[str]:
    """Why the confidence in the first candidate is what it is: "second candidate close"."""
    if not ranked or ranked[0].weight <= 0:
        return ["no metric left its usual range"]
    first, second = ranked[0], ranked[1].weight if len(ranked) > 1 else 0.0
    told = []
    if not first.departed:
        told.append("no metric clearly left its past")
    elif first.weight < LEAST_WEIGHT:
        told.append("little evidence")
    if second > (1 - _ALIKE) * first.weight:
        told.append("the first two cannot be told apart")
    elif second > _CLOSE * first.weight:
        told.append("second candidate close")
    elif second <= 0.2 * first.weight:
        told.append("no other candidate near")
    kinds = [name for name, value in first.terms.items() if value >= 0.2 * first.weight]
    many = len(kinds) > 1
    told.append(f"{len(kinds)} kinds of evidence agree" if many else "one kind of evidence")
    told.append("changed shortly before" if "change" in first.terms else "no deploy seen")
    return told


def in_words(share: float, told: Sequence[str]) -> str:
    """A confidence with its reasons: "63 %: second candidate close, no deploy seen"."""
    return f"{100 * share:.0f} %: {', '.join(told)}"
