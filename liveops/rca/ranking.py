"""Every known service in order of the evidence against it.

Names play no part: renaming every service renames the ranking and nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from liveops.rca.blame import INDIRECT, Blame, blame
from liveops.rca.callgraph import CallGraph
from liveops.rca.deviation import ONSET_STRENGTH, Deviation
from liveops.rca.gathering import look
from liveops.rca.kinds import Kind, meaning
from liveops.rca.series import Floats
from liveops.rca.view import Bools, View

#: A service that the symptom does not depend on is an unlikely cause; edges may be missing.
_UNREACHED = 0.5
#: Evidence of which more makes little difference: a departure by 10 sigmas has 2.3.
_MUCH = 2.5
#: Of so many candidates the neighbours are looked up.
_NEIGHBOURS_OF = 10
#: What a recent change of a service adds to the evidence against it, as a share.
_CHANGED = 0.5


@dataclass(frozen=True, slots=True)
class Symptom:
    """What the incident was noticed by; either part may be unknown."""

    service_name: str | None = None
    metric_type: str | None = None


#: Nothing is known of how it was noticed.
UNKNOWN = Symptom()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A service with the evidence against it.

    `weight` is the sum of `terms`, each a kind of evidence; `score`, in [0, 1], is its
    part of the two greatest weights, less where there is little evidence at all.
    `departed` tells whether a metric clearly left its past. `deviations` come first that
    add most. `amounts` are, by kind, the seconds of waiting or the failures that the
    service has too much, per unit of time, and those that its callees account for.
    They are known where requests are. `callers` deviate and depend on it; `callees`
    deviate and are called by it.
    """

    service_name: str
    score: float
    deviations: tuple[Deviation, ...]
    callers: tuple[str, ...] = ()
    callees: tuple[str, ...] = ()
    weight: float = 0.0
    terms: Mapping[str, float] = field(default_factory=dict)
    departed: bool = False
    amounts: Mapping[Kind, tuple[float, float]] = field(default_factory=dict)

    @property
    def metric_type(self) -> str | None:
        """The metric that tells most; None where none of its own tells anything."""
        first = next(iter(self.deviations), None)
        return first.metric_type if first is not None and first.strength >= 1 else None

    @property
    def notable(self) -> tuple[Deviation, ...]:
        """Deviations beyond what the past is full of, those that add most first."""
        return tuple(d for d in self.deviations if d.strength >= ONSET_STRENGTH)


def rank(
    found: Sequence[Deviation],
    graph: CallGraph,
    symptom: Symptom = UNKNOWN,
    services: Iterable[str] = (),
    changed: Collection[str] = (),
) -> list[Candidate]:
    """Every known service once, best candidate first; `changed` are those changed lately."""
    view = look(found, graph, services, symptom.metric_type)
    if not view.size:
        return []
    known = meaning(symptom.metric_type).kind if symptom.metric_type else None
    result = blame(view, known)
    reach = _reach(view, graph, symptom)
    weights = result.total * reach
    terms = {name: values * reach for name, values in result.terms.items()}
    # A change is no evidence by itself: it adds to what there is.
    terms["change"] = weights * np.array([_CHANGED * (s in changed) for s in view.services])
    weights = weights + terms["change"]
    by_service: dict[str, list[Deviation]] = defaultdict(list)
    for item in found:
        by_service[item.service_name].append(item)
    strongest = np.zeros(view.size)
    for row, name in enumerate(view.services):
        strongest[row] = max((d.strength for d in by_service[name]), default=0.0)
    order = sorted(range(view.size), key=lambda i: (-weights[i], -strongest[i], view.services[i]))
    scores = _scores(weights)
    departed = _departed(view, terms)
    ranked = [
        _candidate(i, view, departed, scores, weights, terms, by_service[view.services[i]], result)
        for i in order
    ]
    itself = {view.services[i] for i in np.flatnonzero(view.departed())}
    return _with_neighbours(ranked, graph, itself)


def _reach(view: View, graph: CallGraph, symptom: Symptom) -> Floats:
    """1 for services that the symptom's depends on, and where that is not known."""
    start = symptom.service_name
    if start is None or start not in graph.services:
        return np.ones(view.size)
    below = graph.below(start) | {start}
    return np.array([1.0 if name in below else _UNREACHED for name in view.services])


def _scores(weights: Floats) -> Floats:
    """Lead over the other first candidate, scaled by how much evidence there is at all."""
    first_two = np.sort(weights)[::-1][:2].sum()
    if first_two <= 0:
        return np.zeros(len(weights))
    scores: Floats = weights / first_two * -np.expm1(-weights.max() / _MUCH)
    return scores


def _departed(view: View, terms: Mapping[str, Floats]) -> Bools:
    """Whose evidence rests on a metric that clearly left its past, of its own or of callers."""
    own = view.departed()
    told = view.most_of_callers(own.astype(float)) + view.from_callees(own.astype(float)) > 0
    direct = sum((v for name, v in terms.items() if name not in INDIRECT), np.zeros(view.size))
    total = sum(terms.values(), np.zeros(view.size))
    return np.asarray(own | (told & (2 * direct <= total)), dtype=np.bool_)


def _candidate(
    row: int,
    view: View,
    departed: Bools,
    scores: Floats,
    weights: Floats,
    terms: Mapping[str, Floats],
    items: Sequence[Deviation],
    result: Blame,
) -> Candidate:
    own = {term: float(values[row]) for term, values in terms.items() if values[row] > 0}
    ordered = sorted(
        items, key=lambda d: (not d.worse, -own.get(d.kind, 0.0), -d.strength, d.metric_type)
    )
    return Candidate(
        view.services[row], round(float(scores[row]), 6), tuple(ordered),
        weight=float(weights[row]), departed=bool(departed[row]),
        terms=dict(sorted(own.items(), key=lambda pair: (-pair[1], pair[0]))),
        amounts={
            kind: (float(excess[row]), float(min(covered[row], excess[row])))
            for kind, (excess, covered) in result.amounts.items()
            if excess[row] > 0 and view.measured("load")[row]
        },
    )  # fmt: skip


def _with_neighbours(
    ranked: list[Candidate], graph: CallGraph, departed: set[str]
) -> list[Candidate]:
    """The first candidates with those that show what they may have caused."""
    first = [
        replace(
            one,
            callers=tuple(n for n in sorted(departed) if one.service_name in graph.below(n) - {n}),
            callees=tuple(sorted(graph.callees(one.service_name) & departed)),
        )
        for one in ranked[:_NEIGHBOURS_OF]
    ]
    return first + ranked[_NEIGHBOURS_OF:]
