"""What people hear who know the business and not the system: no metric is named. Pure.

Since when, what users feel, how many services, how it goes on, who has it; each from a
fact of the analysis, whose id stands behind it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from liveops.rca.evidence import harmful
from liveops.rca.kinds import Kind, meaning
from liveops.rca.ranking import Candidate
from schema.analysis import Evidence
from schema.incidents import Incident
from schema.times import format_time

#: What users feel comes first, then what tells most of them.
_FELT: tuple[Kind, ...] = ("errors", "latency", "client_latency", "load")
#: From so many times as long on it is told how many.
_TOLD_RATIO = 1.5
#: Assignees are free text: only what looks like a name is repeated.
_NAME = re.compile(r"[\w.@' -]{1,64}")
_WHAT = {
    "errors": "requests of those who use {service} fail more often than usual",
    "latency": "those who use {service} wait longer for answers than usual",
    "longer": "those who use {service} wait about {times} times as long for answers as usual",
    "more": "{service} gets more requests than usual",
    "fewer": "{service} gets fewer requests than usual",
    "silence": "{service} sends no data, so whether it serves its users is not known",
    "other": "{service} works unlike before, which its users need not feel yet",
}
TRENDS = {
    "worse": "It is getting worse",
    "steady": "It stays as it is",
    "easing": "It is easing",
}
#: What the cause does, by the kind of evidence that weighs most.
_CAUSES = {
    "latency": "answers more slowly than usual",
    "errors": "fails more requests than usual",
    "load": "gets more traffic than usual",
    "cpu": "uses much more processor time than usual",
    "memory": "uses memory as it never did before",
    "network": "is reached more slowly than usual",
    "silence": "has stopped reporting",
    "fewer calls": "breaks off its work early",
}


def opening(incident: Incident, evidence: Sequence[Evidence]) -> str:
    """Since when, and what users feel."""
    seen = [item for item in evidence if harmful(item)]
    told = _noticed(incident, seen)
    if told is None:
        return f"Noticed at {format_time(incident.detected_at_s // 1)}."
    first = min((item for item in seen if item.ref.get("onset")), key=_onset, default=told)
    since = first.ref.get("onset") or format_time(incident.detected_at_s // 1)
    ids = dict.fromkeys((told.id, first.id))
    return f"Since {since} {_felt(told)} {''.join(f'[{name}]' for name in ids)}."


def cause(one: Candidate, ids: str) -> str:
    """What the most likely cause does."""
    first = next(iter(one.terms), "")
    does = _CAUSES.get(first, "works differently than before")
    return f"The most likely cause is {one.service_name}, which {does} {ids}."


def closing(incident: Incident, facts: Sequence[Evidence]) -> str:
    """How many services, how it goes on, who has it."""
    told = [f"{_upper(item.text)} [{item.id}]." for item in facts if item.kind == "extent"]
    trends = [item for item in facts if item.kind == "trend"]
    trends.sort(key=lambda item: item.ref["service_name"] != incident.service_name)
    told += [f"{TRENDS[item.ref['trend']]} [{item.id}]." for item in trends[:1]]
    if not trends:
        told.append(_still(facts))
    told += [f"{_handled(incident)} [{item.id}]." for item in facts if item.kind == "handling"]
    return " ".join(told)


def _still(facts: Sequence[Evidence]) -> str:
    """Where nothing tells how it goes on."""
    for item in facts:
        if item.kind == "silence":
            return f"What fell silent has not come back [{item.id}]."
    return "It is too early to say whether it gets better or worse."


def handled(incident: Incident) -> str:
    """Who has it, without the name: names are free text."""
    has = "it has an assignee" if incident.assignee else "nobody is assigned"
    for word, at_s in (
        ("resolved", incident.resolved_at_s),
        ("acknowledged", incident.acknowledged_at_s),
    ):
        if at_s is not None:
            return f"the incident was {word} at {format_time(at_s // 1)}, and {has}"
    return f"nobody had acknowledged the incident when this was written, and {has}"


def readable(name: str | None) -> str:
    """Somebody's name as it may be repeated; names are free text."""
    return name if name and _NAME.fullmatch(name) else "somebody"


def _handled(incident: Incident) -> str:
    name = readable(incident.assignee)
    return _upper(handled(incident)).replace("it has an assignee", f"{name} has it")


def _noticed(incident: Incident, seen: Sequence[Evidence]) -> Evidence | None:
    """What users feel: where it was noticed, else at an affected service, else elsewhere."""
    places = [incident.service_name, *incident.affected_services]

    def nearness(item: Evidence) -> tuple[int, int, bool]:
        name = item.ref["service_name"]
        near = places.index(name) if name in places else len(places)
        return near, _place(item), item.kind == "detection"

    ordered = sorted(seen, key=nearness)
    felt = [item for item in ordered if _kind(item) in _FELT or item.kind == "silence"]
    return next(iter([*felt, *ordered]), None)


def _kind(item: Evidence) -> Kind:
    return meaning(item.ref["metric_type"]).kind


def _place(item: Evidence) -> int:
    kind = _kind(item)
    return _FELT.index(kind) if kind in _FELT else len(_FELT)


def _onset(item: Evidence) -> str:
    return str(item.ref["onset"])


def _felt(item: Evidence) -> str:
    seen, usual = item.ref.get("observed"), item.ref.get("expected")
    what: str = _kind(item)
    times = 0.0
    if item.kind == "silence" or item.ref.get("detector") == "no_data":
        what = "silence"
    elif what in ("latency", "client_latency"):
        times = seen / usual if seen and usual and usual > 0 else 0.0
        what = "longer" if times >= _TOLD_RATIO else "latency"
    elif what == "load":
        what = "other" if seen is None or usual is None else "more" if seen > usual else "fewer"
    rounded = f"{times:.1f}".removesuffix(".0") if times < 10 else f"{times:.0f}"
    text = _WHAT.get(what, _WHAT["other"])
    return text.format(service=item.ref["service_name"], times=rounded)


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
