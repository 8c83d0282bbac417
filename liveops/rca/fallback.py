"""Summaries without a model: sentences that state evidence and cite its id."""

from __future__ import annotations

from dataclasses import dataclass

from liveops.rca import executive, technical
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
    """What people read of an analysis.

    A model's words take the place of `technical` and of `cause`; what frames them stays.
    """

    root_cause: str
    #: How the fault works, and the main facts.
    technical: str
    #: What happened in which order, and what it was when it looked alike.
    order: str
    #: Since when, and what users feel.
    opening: str
    #: What the cause does, without names of metrics.
    cause: str
    #: How many services, how it goes on, who has it.
    closing: str
    actions: list[Action]

    def for_engineers(self, words: str = "") -> str:
        """The technical summary, with a model's words where there are any."""
        return " ".join(part for part in (words or self.technical, self.order) if part)

    def for_managers(self, words: str = "") -> str:
        """The executive summary, likewise."""
        return " ".join(part for part in (self.opening, words or self.cause, self.closing) if part)


def write(incident: Incident, found: Investigation) -> Texts:
    """All texts and the actions; every fact in them ends with its evidence id."""
    frame = (
        " ".join(
            filter(
                None,
                (technical.order(found.evidence), technical.last_time(found.context.confirmed)),
            )
        ),
        executive.opening(incident, found.evidence),
    )
    closing = executive.closing(incident, found.facts)
    if found.verdict == "inconclusive":
        what = " ".join(_sentence(item) for item in found.evidence[:_MAX_FACTS])
        what = what or "No metric of the affected services left its usual range."
        unclear = f"The data does not single out a cause. {what}"
        plain = "The cause is not clear from the data at hand."
        return Texts("", unclear, *frame, plain, closing, first_look(found.evidence))
    cause = found.candidates[0]
    about = [e for e in found.evidence if cause.service_name in services_of(e)]
    rest = [e for e in found.evidence if e not in about]
    ids = _ids(about[:3])
    told = [
        f"The most likely origin is {cause.service_name} {ids}.",
        technical.mechanism(cause, found.evidence, _ids(about[:1])),
        *(_sentence(item) for item in (about + rest)[:_MAX_FACTS]),
    ]
    return Texts(
        f"{cause.service_name}: {_manner(cause)} {ids}", " ".join(told), *frame,
        executive.cause(cause, ids), closing, suggested(cause, found.facts),
    )  # fmt: skip


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


def impacted(incident: Incident, found: Investigation) -> list[str]:
    """Affected services of the incident and those that deviate, the cause left out."""
    cause = found.candidates[0].service_name if found.verdict == "cause_found" else None
    return sorted(_reached(incident, found) - {cause})[:MAX_IMPACTED]


def affected(incident: Incident, found: Investigation) -> int:
    """How many services that are, the cause among them."""
    return len(_reached(incident, found))


def _reached(incident: Incident, found: Investigation) -> set[str]:
    names = {*incident.affected_services, incident.service_name}
    if found.verdict == "cause_found":
        names |= {found.candidates[0].service_name, *found.candidates[0].callers}
    return names


def _sentence(item: Evidence) -> str:
    return f"{item.text[0].upper() if item.kind == 'detection' else item.text[0]}" + (
        f"{item.text[1:]} [{item.id}]."
    )


def _ids(items: list[Evidence]) -> str:
    return "".join(f"[{item.id}]" for item in items)
