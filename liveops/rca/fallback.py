"""Summaries without a model: sentences that state evidence and cite its id."""

from __future__ import annotations

from dataclasses import dataclass

from liveops.rca.actions import first_look, suggested
from liveops.rca.evidence import services_of
from liveops.rca.investigation import Investigation
from liveops.rca.ranking import Candidate
from schema.analysis import Action, Evidence
from schema.incidents import WHOLE, Incident

_MAX_FACTS = 6
#: No analysis names more services than so many as affected.
MAX_IMPACTED = 50


@dataclass(frozen=True, slots=True)
class Texts:
    """What people read of an analysis."""

    root_cause: str
    technical_summary: str
    executive_summary: str
    actions: list[Action]


def write(incident: Incident, found: Investigation) -> Texts:
    """Both summaries and the actions; every fact in them ends with its evidence id."""
    if found.verdict == "inconclusive":
        return _inconclusive(found)
    cause = found.candidates[0]
    about = [e for e in found.evidence if cause.service_name in services_of(e)]
    rest = [e for e in found.evidence if e not in about]
    ids = _ids(about[:3])
    root = f"{cause.service_name}: {_manner(cause)} {ids}"
    technical = [f"The most likely origin is {cause.service_name} {ids}."]
    technical += [_sentence(item) for item in (about + rest)[:_MAX_FACTS]]
    executive = (
        f"{cause.service_name} {_plainly(cause)} {ids} and is the most likely cause."
        f"{_reach(incident, found)}"
    )
    return Texts(root, " ".join(technical), executive, suggested(cause, found.evidence))


def _manner(cause: Candidate) -> str:
    """How the cause shows, by the kind of its strongest deviation."""
    if not cause.notable:
        return "its callers wait for it, though it does not take longer itself"
    item = cause.notable[0]
    if item.silent:
        return "no data" if item.metric_type == WHOLE else f"no data of {item.metric_type}"
    if item.limit is not None:
        return f"{item.metric_type} broke its limit"
    return f"{item.metric_type} {'rose' if item.direction > 0 else 'fell'} out of its usual range"


#: What a reader without metrics is told, by the kind of evidence that weighs most.
_PLAINLY = {
    "latency": "answers more slowly than usual",
    "errors": "fails more requests than usual",
    "load": "gets more traffic than usual",
    "cpu": "uses much more processor time than usual",
    "memory": "uses memory as it never did before",
    "network": "is reached more slowly than usual",
    "silence": "has stopped reporting",
    "fewer calls": "breaks off its work early",
}


def _plainly(cause: Candidate) -> str:
    first = next(iter(cause.terms), "")
    return _PLAINLY.get(first, "works differently than before")


def impacted(incident: Incident, found: Investigation) -> list[str]:
    """Affected services of the incident and those that deviate, the cause left out."""
    cause = found.candidates[0].service_name if found.verdict == "cause_found" else None
    names = {*incident.affected_services, incident.service_name}
    names |= set(found.candidates[0].callers) if cause is not None else set()
    return sorted(names - {cause})[:MAX_IMPACTED]


def _inconclusive(found: Investigation) -> Texts:
    facts = [_sentence(item) for item in found.evidence[:_MAX_FACTS]]
    what = " ".join(facts) or "No metric of the affected services left its usual range."
    return Texts(
        root_cause="",
        technical_summary=f"The data does not single out a cause. {what}",
        executive_summary="The cause is not clear from the metrics at hand.",
        actions=first_look(found.evidence),
    )


def _reach(incident: Incident, found: Investigation) -> str:
    calls = [
        e
        for e in found.evidence
        if e.kind == "topology" and e.ref["callee"] == found.candidates[0].service_name
    ]
    if not calls:
        return ""
    names = ", ".join(str(e.ref["caller"]) for e in calls[:5])
    return f" Services that depend on it are affected: {names} {_ids(calls[:5])}."


def _sentence(item: Evidence) -> str:
    return f"{item.text[0].upper() if item.kind == 'detection' else item.text[0]}" + (
        f"{item.text[1:]} [{item.id}]."
    )


def _ids(items: list[Evidence]) -> str:
    return "".join(f"[{item.id}]" for item in items)
