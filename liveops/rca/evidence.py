"""Facts of an incident, numbered E1, E2, ...: all that any summary may say.

Texts are made of names bound by the contract's patterns, numbers and times; free
text from outside (tags, titles, reasons) never enters them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from liveops.incidents.sentences import Kind, figure, kind_of, limit_of
from liveops.rca.callgraph import CallGraph
from liveops.rca.changes import Change
from liveops.rca.deviation import Deviation, Trend
from liveops.rca.hearsay import hearsay
from liveops.rca.kinds import Kind as Measured
from liveops.rca.kinds import meaning, unit
from liveops.rca.ranking import Candidate
from schema.analysis import Evidence
from schema.incidents import WHOLE, Detection
from schema.times import format_time

MAX_EVIDENCE = 30
_PER_SERVICE = 3
_MAX_SERVICES = 6
_MAX_DETECTIONS = 6
_FIRST = 2

_Fact = tuple[str, str, dict[str, Any]]


def collect(
    ranked: Sequence[Candidate],
    graph: CallGraph,
    detections: Sequence[Detection],
    changed: Mapping[str, Change] = MappingProxyType({}),
    noticed_at: str | None = None,
) -> list[Evidence]:
    """Evidence in order of weight: deviations, amounts, changes, calls, onsets, detections.

    `noticed_at` is the symptom's service: how it goes on there is told as well.
    """
    top = [c for c in ranked[:_MAX_SERVICES] if c.notable or c.departed or c is ranked[0]]
    facts: list[_Fact] = [_deviation(item) for c in top for item in c.notable[:_PER_SERVICE]]
    facts += [fact for c in top[:_FIRST] for fact in _amounts(c)]
    others = {c.service_name: c for c in ranked}
    facts += [fact for c in ranked[:1] for fact in hearsay(c, others, graph)]
    known = [changed.get(c.service_name) for c in top if c.notable]
    facts += [_change(one) for one in known if one is not None]
    facts += _calls(top, graph)
    facts += _onset_order(top)
    facts += [
        fact for c in top if c in top[:1] or c.service_name == noticed_at for fact in _trend(c)
    ]
    facts += [_detection(item) for item in detections[:_MAX_DETECTIONS]]
    return [
        Evidence(f"E{number}", text, kind, ref)
        for number, (text, kind, ref) in enumerate(facts[:MAX_EVIDENCE], start=1)
    ]


def second(time_s: float) -> str:
    """The second an event fell into: fractions tell a reader nothing."""
    return format_time(math.floor(time_s))


def services_of(item: Evidence) -> set[str]:
    """Services that an evidence is about."""
    ref = item.ref
    return {str(ref[name]) for name in ("service_name", "caller", "callee", "later") if name in ref}


def harmful(item: Evidence) -> bool:
    """Whether it is a metric that moved in a direction that may hurt, as far as is known."""
    if item.kind == "silence":
        return True
    if item.kind not in ("metric", "detection"):
        return False
    worse, seen = meaning(item.ref["metric_type"]).worse, item.ref.get("observed")
    base = item.ref.get("expected")
    base = item.ref.get("limit") if base is None else base
    return not worse or seen is None or base is None or (seen - base) * worse > 0


def cited(evidence: Sequence[Evidence], service: str) -> list[str]:
    """Ids of the evidence about the service."""
    return [item.id for item in evidence if service in services_of(item)]


#: What a deviation says, by its kind.
DEVIATIONS = {
    "silent_service": "{service} stopped reporting",
    "silent_metric": "{service} {metric} stopped reporting",
    "limit": "{service} {metric} is {observed}, {word} its limit {limit}",
    "level": "{service} {metric} is {observed}, {word} its usual {expected} "
    "by {strength:.1f} robust standard deviations",
    "median": "{service} {metric} has the median {observed}, {expected} before: "
    "{strength:.1f} robust standard deviations {word}",
}


def _kind(item: Deviation) -> str:
    if item.silent:
        return "silent_service" if item.metric_type == WHOLE else "silent_metric"
    if item.limit is not None:
        return "limit"
    return "median" if item.history else "level"


def _deviation(item: Deviation) -> _Fact:
    ref: dict[str, Any] = {
        "service_name": item.service_name,
        "metric_type": item.metric_type,
        "observed": item.observed,
        "expected": item.expected,
        "limit": item.limit,
        "strength": round(item.strength, 2),
        "onset": None if item.onset_s is None else second(item.onset_s),
    }
    kind = _kind(item)
    base = item.limit if kind == "limit" else item.expected
    above = item.observed is not None and base is not None and item.observed > base
    text = DEVIATIONS[kind].format(
        service=item.service_name,
        metric=item.metric_type,
        observed=_figure(item.observed, item.metric_type),
        expected=_figure(item.expected, item.metric_type),
        limit=_figure(item.limit, item.metric_type),
        word="above" if above else "below",
        strength=item.strength,
    )
    if kind == "limit" and item.expected is not None:
        text += f"; usually it is {_figure(item.expected, item.metric_type)}"
    if item.onset_s is not None:
        text += f", since {second(item.onset_s)}"
    if item.silent and item.observed is not None:
        text += f" (last value {figure(item.observed)})"
    return text, "silence" if item.silent else "metric", ref


def _figure(value: float | None, metric_type: str) -> str:
    return f"{figure(value)} {unit(metric_type)}".strip()


#: What a service has too much of, per unit of time, and how much its callees account for.
AMOUNTS: dict[Measured, str] = {
    "latency": "all requests to {service} together wait {more} longer than usual per unit of "
    "time; waiting for what it calls accounts for {covered}",
    "errors": "{service} has {more} failures more than usual per unit of time; what it calls "
    "accounts for {covered}",
}


def _amounts(one: Candidate) -> Iterator[_Fact]:
    for kind, (more, covered) in one.amounts.items():
        text = AMOUNTS[kind].format(
            service=one.service_name, more=figure(more), covered=figure(covered)
        )
        ref = {"service_name": one.service_name, "of": kind, "more": more, "covered": covered}
        yield text, "amount", ref


#: How it goes on within the incident.
TRENDS: dict[Trend, str] = {
    "worse": "{service} {metric} gets worse: its median was {early} at first and is {late} of late",
    "steady": "{service} {metric} stays: its median was {early} at first and is {late} of late",
    "easing": "{service} {metric} eases: its median was {early} at first and is {late} of late",
}


def _trend(one: Candidate) -> Iterator[_Fact]:
    for item in one.notable[:1]:
        if item.trend is not None and item.worse:
            text = TRENDS[item.trend].format(
                service=item.service_name, metric=item.metric_type,
                early=_figure(item.early, item.metric_type),
                late=_figure(item.late, item.metric_type),
            )  # fmt: skip
            ref = {"service_name": item.service_name, "metric_type": item.metric_type,
                   "trend": item.trend, "early": item.early, "late": item.late}  # fmt: skip
            yield text, "trend", ref


def _change(one: Change) -> _Fact:
    ref = {"service_name": one.service_name, "at": second(one.at_s), "of": one.kind}
    return f"{one.service_name} was changed ({one.kind}) at {second(one.at_s)}", "change", ref


def _calls(top: Sequence[Candidate], graph: CallGraph) -> Iterator[_Fact]:
    names = [candidate.service_name for candidate in top if candidate.notable]
    for caller in names:
        for callee in names:
            if callee in graph.callees(caller):
                ref = {"caller": caller, "callee": callee}
                yield f"{caller} calls {callee}, and both deviate", "topology", ref


def _onset_order(top: Sequence[Candidate]) -> Iterator[_Fact]:
    onsets = {
        c.service_name: min((d.onset_s for d in c.notable if d.onset_s is not None), default=None)
        for c in top
    }
    known = sorted((at, name) for name, at in onsets.items() if at is not None)
    for (first_s, first), (later_s, later) in zip(known[:1] * len(known), known[1:], strict=False):
        if later_s > first_s:
            gap_s = later_s - first_s
            ref = {"service_name": first, "later": later, "gap_s": gap_s}
            yield f"{first} deviated {gap_s:.0f} s before {later}", "onset", ref


#: What a detector saw, by the kind of its finding.
DETECTIONS: dict[Kind, str] = {
    "above": "at {value}, expected {expected}, in the {window} window",
    "below": "at {value}, expected {expected}, in the {window} window",
    "over_limit": "at {value}, over the limit {limit}, in the {window} window",
    "under_limit": "at {value}, under the limit {limit}, in the {window} window",
    "silent_service": "without data for {value} s",
    "silent_metric": "without data for {value} s",
}


def _detection(item: Detection) -> _Fact:
    ref = {
        "service_name": item.service_name,
        "metric_type": item.metric_type,
        "detection_id": item.id,
        "detector": item.detector,
        "onset": second(item.onset_s),
    }
    about = item.service_name
    if item.metric_type != WHOLE:
        about += f" {item.metric_type}"
    kind = kind_of(item)
    seen = DETECTIONS[kind].format(
        value=f"{item.value:.0f}" if item.detector == "no_data" else figure(item.value),
        expected=figure(item.expected),
        limit=figure(limit_of(item)),
        window=item.window,
    )
    text = f"the {item.detector} detector saw {about} {seen}, since {second(item.onset_s)}"
    return text, "detection", ref
