"""What surrounds an incident beside its metrics: what came before, who calls whom, where to look.

Facts are in our words, of names and numbers alone, so that claims can be checked against
them. What people wrote about the same things is quoted beside them for the model, by the
fact's id, and proves nothing. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from liveops.rca.callgraph import CallGraph
from liveops.rca.executive import handled
from schema.analysis import Evidence
from schema.feedback import ChangeEvent
from schema.incidents import Incident
from schema.service_cards import ServiceCard
from schema.times import format_time

#: Kinds of facts that say nothing of how services are now.
CONTEXT = frozenset(("extent", "handling", "precedent", "runbook", "call"))
MAX_PRECEDENTS = 5
_MAX_CALLS = 15
#: Remarks on the incident itself, the newest.
_MAX_COMMENTS = 5

_Fact = tuple[str, str, dict[str, Any], str]


@dataclass(frozen=True, slots=True)
class Context:
    """Facts with ids that follow those of the evidence, and what is quoted."""

    facts: tuple[Evidence, ...] = ()
    #: Quotations by the id of the fact they belong to.
    quoted: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    #: Remarks on the incident, newest first.
    comments: tuple[str, ...] = ()

    @property
    def confirmed(self) -> list[Evidence]:
        """Earlier incidents that looked alike, and whose cause people confirmed, newest first."""
        found = [one for one in self.facts if one.kind == "precedent" and one.ref["cause"]]
        return sorted(found, key=lambda one: str(one.ref["at"]), reverse=True)


@dataclass(frozen=True, slots=True)
class Around:
    """What is stored about the surroundings of an incident."""

    #: Earlier incidents as `GET /api/incidents/{id}/similar` tells them, most alike first.
    similar: Sequence[Mapping[str, Any]] = ()
    cards: Mapping[str, ServiceCard] = field(default_factory=dict)
    edges: Sequence[tuple[str, str]] = ()
    changes: Sequence[ChangeEvent] = ()
    #: Remarks on the incident, oldest first.
    comments: Sequence[str] = ()
    incident: Incident | None = None
    #: How many services it affects, its cause among them.
    affected: int = 0


def gather(
    evidence: Sequence[Evidence], ranked: Sequence[str], known: frozenset[str], around: Around
) -> Context:
    """The context, most telling first; `ranked` are the first candidates, best first."""
    facts = [
        *_state(around.incident, around.affected),
        *_precedents(around.similar, known),
        *_runbooks(ranked, around.cards),
        *_calls(evidence, ranked, around.edges),
    ]
    numbered = list(enumerate(facts, start=len(evidence) + 1))
    quoted = dict(_titles(evidence, around.changes))
    quoted |= {f"E{number}": quotation for number, (*_, quotation) in numbered if quotation}
    return Context(
        tuple(Evidence(f"E{n}", text, kind, ref) for n, (text, kind, ref, _) in numbered),
        quoted,
        tuple(reversed(around.comments[-_MAX_COMMENTS:])),
    )


def _state(incident: Incident | None, affected: int) -> Iterator[_Fact]:
    """How far it reaches, and who has it."""
    if incident is not None:
        text = f"{affected} services are affected" if affected > 1 else "1 service is affected"
        yield text, "extent", {"services": affected}, ""
        ref = {"status": incident.status, "assigned": bool(incident.assignee)}
        yield handled(incident), "handling", ref, incident.assignee or ""


def _precedents(similar: Sequence[Mapping[str, Any]], known: frozenset[str]) -> Iterator[_Fact]:
    """Those whose cause people confirmed come first."""
    by_worth = sorted(similar, key=lambda one: one["confirmed_cause"] not in known)
    for one in by_worth[:MAX_PRECEDENTS]:
        cause, named = one["confirmed_cause"], one["root_cause_service"]
        about = cause if cause in known else named if named in known else one["service_name"]
        text = f"an incident of {one['detected_at']} looked alike ({one['likeness']:.0%})"
        if cause in known:
            text += f"; people say its cause was {cause}"
        elif named in known:
            text += f"; its analysis named {named}"
        if one["verdict"] == "not_an_incident":
            text += "; people say it was none"
        ref = {"service_name": about, "incident_id": one["id"], "at": one["detected_at"],
               "cause": cause if cause in known else None,
               "confirmed_by": one["confirmed_by"]}  # fmt: skip
        said = (one["title"], one["true_cause"], one["last_comment"])
        yield text, "precedent", ref, " / ".join(part for part in said if part)


def _runbooks(ranked: Sequence[str], cards: Mapping[str, ServiceCard]) -> Iterator[_Fact]:
    for service in ranked:
        card = cards.get(service)
        if card is not None and ("runbook" in card.links or card.runbook_text):
            ref = {"service_name": service, "text": card.runbook_text}
            said = " / ".join(part for part in (card.owner, card.runbook_text) if part)
            yield f"{service} has a runbook", "runbook", ref, said


def _calls(
    evidence: Sequence[Evidence], ranked: Sequence[str], edges: Sequence[tuple[str, str]]
) -> Iterator[_Fact]:
    """Calls of the first candidates that no evidence tells of yet, those of the best first."""
    told = {(e.ref["caller"], e.ref["callee"]) for e in evidence if e.kind == "topology"}
    place = {service: number for number, service in enumerate(ranked)}
    near = [edge for edge in CallGraph(edges).edges if not place.keys().isdisjoint(edge)]
    near.sort(key=lambda edge: min(place.get(name, len(place)) for name in edge))
    for caller, callee in [edge for edge in near if edge not in told][:_MAX_CALLS]:
        yield f"{caller} calls {callee}", "call", {"caller": caller, "callee": callee}, ""


def _titles(
    evidence: Sequence[Evidence], changes: Sequence[ChangeEvent]
) -> Iterator[tuple[str, str]]:
    """What was written about the changes that are evidence."""
    titles = {(one.service_name, format_time(one.at_s // 1)): one.title for one in changes}
    for item in evidence:
        if item.kind == "change":
            title = titles.get((item.ref["service_name"], item.ref["at"]), "")
            if title:
                yield item.id, title
