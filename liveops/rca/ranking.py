"""Where an incident comes from: graph of calls, order of onsets, size of deviations.

A service is a likely cause when it deviates strongly and early, none of the services
it calls explains that, and the other deviating services depend on it. Names play no
part: renaming every service gives the same order (ties: stronger deviation first).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from liveops.rca.deviation import ONSET_STRENGTH, Deviation

#: Strength (robust sigmas) that counts as certain; in between the scale is logarithmic.
_CERTAIN_STRENGTH = 100.0
#: A value that the past exceeded this often is nothing special, however far out.
_COMMON_SHARE = 0.2
#: Weight of metrics of another kind than the symptom, or moving the other way.
_OTHER_METRIC = 0.35
_OTHER_DIRECTION = 0.2
#: How much a deviating callee excuses its caller.
_EXCUSED = 0.7
#: Share of the score that depends on how much of the rest the cause explains.
_SUPPORT_SHARE = 0.5
#: Services the symptom does not depend on are unlikely causes.
_UNREACHED = 0.5
#: A service without known callees is often only seen through its callers' eyes.
_LEAF = 0.75
#: The last to start loses this share of its score, in full after `_LATE_S`.
_LATE_SHARE = 0.25
_LATE_S = 300.0


@dataclass(frozen=True, slots=True)
class Symptom:
    """What the incident was noticed by; either part may be unknown."""

    service_name: str | None = None
    metric_type: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A possible cause: `score` in [0, 1] and its deviations, strongest first.

    `callers` deviate and depend on it; `callees` deviate and excuse it in part.
    """

    service_name: str
    score: float
    deviations: tuple[Deviation, ...]
    callers: tuple[str, ...] = ()
    callees: tuple[str, ...] = ()


class CallGraph:
    """Who calls whom, with everything that is reachable below a service."""

    def __init__(self, edges: Iterable[tuple[str, str]]) -> None:
        self._callees: dict[str, set[str]] = defaultdict(set)
        self.services: set[str] = set()
        for caller, callee in edges:
            self._callees[caller].add(callee)
            self.services |= {caller, callee}
        self._below: dict[str, frozenset[str]] = {}

    def callees(self, service: str) -> set[str]:
        """Services called directly, itself left out."""
        return self._callees.get(service, set()) - {service}

    def below(self, service: str) -> frozenset[str]:
        """Every service reachable by calls (cycles allowed)."""
        if service not in self._below:
            seen: set[str] = set()
            waiting = [service]
            while waiting:
                new = self._callees.get(waiting.pop(), set()) - seen
                seen |= new
                waiting.extend(new)
            self._below[service] = frozenset(seen)
        return self._below[service]

    def neighbours(self, services: Iterable[str]) -> set[str]:
        """Direct callers and callees of the given services."""
        chosen = set(services)
        near = {callee for service in chosen for callee in self.callees(service)}
        near |= {caller for caller, called in self._callees.items() if called & chosen}
        return near - chosen


def rank(
    found: Sequence[Deviation],
    graph: CallGraph,
    symptom: Symptom = Symptom(),
) -> list[Candidate]:
    """Every service that deviates, best candidate first; an empty list when none does."""
    by_service: dict[str, list[Deviation]] = defaultdict(list)
    for item in found:
        by_service[item.service_name].append(item)
    weight = _weights(found, symptom)
    strength = {s: max(weight[id(d)] for d in items) for s, items in by_service.items()}
    strength = {service: value for service, value in strength.items() if value > 0}
    late = _lateness({s: by_service[s] for s in strength})
    ranked = []
    for service in strength:
        score = _score(service, strength, graph, symptom) * (1 - _LATE_SHARE * late[service])
        items = sorted(by_service[service], key=lambda d: (-weight[id(d)], -d.strength))
        deviating = tuple(item for item in items if weight[id(item)] > 0)
        ranked.append(_candidate(service, score, deviating, strength, graph))
    ranked.sort(key=lambda c: (-c.score, -c.deviations[0].strength, c.service_name))
    return ranked


def certainty(item: Deviation) -> float:
    """How surely this is a departure: 0 below the onset strength, 1 when certain."""
    if item.strength < ONSET_STRENGTH or item.rarity > _COMMON_SHARE:
        return 0.0
    return min(1.0, math.log1p(item.strength) / math.log1p(_CERTAIN_STRENGTH))


def _weights(found: Sequence[Deviation], symptom: Symptom) -> dict[int, float]:
    """Certainty of each deviation, by how well its kind fits the symptom."""
    direction = next(
        (
            d.direction
            for d in found
            if (d.service_name, d.metric_type) == (symptom.service_name, symptom.metric_type)
        ),
        None,
    )
    weights: dict[int, float] = {}
    for item in found:
        fit = 1.0
        if symptom.metric_type is not None and not item.silent:
            if item.metric_type != symptom.metric_type:
                fit = _OTHER_METRIC
            elif direction is not None and direction * item.direction < 0:
                fit = _OTHER_DIRECTION
        weights[id(item)] = fit * certainty(item)
    return weights


def _lateness(by_service: Mapping[str, Sequence[Deviation]]) -> dict[str, float]:
    """0 for the first service to depart, 1 for one `_LATE_S` later or without onset."""
    onsets = {
        service: min((d.onset_s for d in items if d.onset_s is not None), default=None)
        for service, items in by_service.items()
    }
    first = min((onset for onset in onsets.values() if onset is not None), default=0.0)
    return {
        service: 1.0 if onset is None else min(1.0, (onset - first) / _LATE_S)
        for service, onset in onsets.items()
    }


def _score(
    service: str, strength: Mapping[str, float], graph: CallGraph, symptom: Symptom
) -> float:
    callees = graph.callees(service)
    score = strength[service]
    score *= 1 - _EXCUSED * max((strength.get(callee, 0.0) for callee in callees), default=0.0)
    others = {name: value for name, value in strength.items() if name != service}
    if others and graph.services:
        # Summed in order of size, so that neither names nor set order touch the result.
        explained = sum(sorted(v for name, v in others.items() if service in graph.below(name)))
        score *= 1 - _SUPPORT_SHARE + _SUPPORT_SHARE * explained / sum(sorted(others.values()))
    start = symptom.service_name
    if start in graph.services and service != start and service not in graph.below(start or ""):
        score *= _UNREACHED
    if graph.services and not callees:
        score *= _LEAF
    return score


def _candidate(
    service: str,
    score: float,
    deviating: tuple[Deviation, ...],
    strength: Mapping[str, float],
    graph: CallGraph,
) -> Candidate:
    callers = tuple(sorted(n for n in strength if n != service and service in graph.below(n)))
    callees = tuple(sorted(n for n in graph.callees(service) if n in strength))
    return Candidate(service, round(score, 6), deviating, callers, callees)
