"""How the first candidates came to their place, term by term."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from liveops.incidents.sentences import figure
from liveops.rca.kinds import unit
from liveops.rca.ranking import Candidate
from liveops.rca.verdict import LEAST_WEIGHT, confidence, in_words, reasons

_EXPLAINED = 3
_METRICS = 3
#: What each term stands for.
TERMS = {
    "latency": "slower than usual by itself, less what its callees and its waiting account for",
    "errors": "more failures than usual, less what its callees account for",
    "cpu": "more processor time than the change of load explains",
    "memory": "other memory use than the change of load explains",
    "io": "other input and output than the change of load explains",
    "saturation": "fuller queues or pools than the change of load explains",
    "other": "another metric out of its past",
    "silence": "metrics that stopped",
    "load": "more load that none of its callers passed on, and what that load did",
    "fewer calls": "what it calls gets less load, though it gets its own",
    "network": "its callers wait, though it takes no longer itself",
    "change": "it was changed shortly before, which strengthens what else there is",
}


def explain(ranked: Sequence[Candidate]) -> list[str]:
    """Lines about the first candidates; evidence weighs 0.35 at 1 sigma, 2.3 at 10."""
    lines = [
        "weights: half the logarithm of 1 + sigmas², times the share that is the service's own;",
        f"a cause needs at least {LEAST_WEIGHT} and a metric that clearly left its past",
        f"confidence {in_words(confidence(ranked), reasons(ranked))}",
    ]
    for place, one in enumerate(ranked[:_EXPLAINED], 1):
        lines += [f"{place}. {one.service_name}: weight {one.weight:.3f}, score {one.score:.3f}"]
        lines += [f"   {value:7.3f}  {term}: {TERMS[term]}" for term, value in one.terms.items()]
        lines += list(_measured(one))
    return lines


def _measured(one: Candidate) -> Iterator[str]:
    for kind, (more, covered) in one.amounts.items():
        what = "s of waiting" if kind == "latency" else "failures"
        yield (
            f"            {figure(more)} {what} more than usual per unit of time, "
            f"{figure(covered)} of them at its callees"
        )
    for item in one.deviations[:_METRICS]:
        if item.silent:
            yield f"            {item.metric_type} stopped"
            continue
        sign = unit(item.metric_type)
        yield (
            f"            {item.metric_type} {figure(item.observed)} {sign}".rstrip()
            + f", {figure(item.base)} {sign}".rstrip()
            + f" before, {item.strength:.1f} sigmas of {figure(item.spread)}; seen as far out in "
            f"{100 * item.rarity:.1f} % of {item.history} earlier values"
        )
