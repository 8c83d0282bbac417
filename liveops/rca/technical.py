"""What engineers read of a cause: how the fault works, and what happened in which order. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from liveops.rca.actions import fault_of
from liveops.rca.evidence import harmful
from liveops.rca.executive import readable
from liveops.rca.kinds import Kind, meaning
from liveops.rca.ranking import Candidate
from schema.analysis import Evidence, FaultKind

_MAX_EVENTS = 8
_MAX_NEIGHBOURS = 4
#: How each kind of fault works at its origin.
_ORIGINS: dict[FaultKind, str] = {
    "latency": "{service} takes longer by itself",
    "errors": "{service} fails by itself",
    "memory": "The memory of {service} left its past",
    "saturation": "{service} is fuller than its load explains",
    "load": "More load comes in at {service} than its callers pass on",
    "network": "What calls {service} waits longer, though {service} takes no longer itself",
    "silence": "{service} stopped reporting",
    "other": "{service} left its past",
}
_EARLY = "{service} asks less of what it calls, though it gets its own load"
#: What comes of it at the services beside it, and which of their metrics say so.
_SPREADS: dict[FaultKind, tuple[str, tuple[Kind, ...]]] = {
    "latency": ("with {names} waiting for it", ("latency", "client_latency")),
    "errors": ("with {names} failing in turn", ("errors",)),
    "load": ("which passes it on to {names}", ("load",)),
}
_SHOWS = "felt at {names} too"


def mechanism(cause: Candidate, evidence: Sequence[Evidence], ids: str) -> str:
    """How the fault works and reaches others, by the kind of evidence that weighs most."""
    kind = fault_of(cause)
    early = next(iter(cause.terms), "") == "fewer calls"
    text = (_EARLY if early else _ORIGINS[kind]).format(service=cause.service_name) + f" {ids}"
    words, metrics = _SPREADS.get(kind, (_SHOWS, ()))
    here, there = ("caller", "callee") if kind == "load" else ("callee", "caller")
    reached: dict[str, str] = {}
    for item in evidence:
        if item.kind == "topology" and item.ref[here] == cause.service_name:
            name = str(item.ref[there])
            shown = _shown(name, evidence, metrics)
            if shown is not None:
                reached[name] = f"[{item.id}][{shown.id}]"
    if reached and kind != "network":
        first = list(reached)[:_MAX_NEIGHBOURS]
        told = words.format(names=", ".join(first))
        text += f", {told} {''.join(reached[name] for name in first)}"
    return f"{text}."


def _shown(
    service: str, evidence: Sequence[Evidence], metrics: tuple[Kind, ...]
) -> Evidence | None:
    """The first fact that the service suffers, of these kinds of metrics where there are any."""
    return next(
        (
            item
            for item in evidence
            if harmful(item)
            and item.ref["service_name"] == service
            and (not metrics or meaning(item.ref["metric_type"]).kind in metrics)
        ),
        None,
    )


def last_time(confirmed: Sequence[Evidence]) -> str:
    """What people said of the last incident that looked alike; empty where there is none."""
    for item in confirmed[:1]:
        who = readable(item.ref["confirmed_by"])
        return (
            f"The last time this looked alike, at {item.ref['at']}, it was {item.ref['cause']}, "
            f"as confirmed by {who} [{item.id}]."
        )
    return ""


def order(evidence: Sequence[Evidence]) -> str:
    """What happened when, first things first; empty where nothing has a time."""
    events: dict[tuple[str, str], tuple[str, str]] = {}
    for item in evidence:
        service = str(item.ref.get("service_name", ""))
        if item.kind == "change":
            events[service, "change"] = (item.ref["at"], f"{service} was changed [{item.id}]")
        elif item.kind in ("metric", "silence", "detection") and item.ref.get("onset"):
            known = events.get((service, "onset"))
            if known is None or item.ref["onset"] < known[0]:
                does = "fell silent" if item.kind == "silence" else "left its past"
                events[service, "onset"] = (item.ref["onset"], f"{service} {does} [{item.id}]")
    # Of the same second as they are in the evidence: the most telling first.
    told = [f"{at} {what}" for at, what in sorted(events.values(), key=lambda e: e[0])]
    return f"In order of time: {'; '.join(told[:_MAX_EVENTS])}." if told else ""
