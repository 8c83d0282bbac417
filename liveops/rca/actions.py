"""What could be done about a cause, by the kind of its fault. Pure.

Texts name services and times, no metrics: both readers understand them. Each cites the
evidence that speaks for it; whether it is risky and can be undone is judged by its words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from liveops.rca.evidence import services_of
from liveops.rca.ranking import Candidate
from liveops.rca.risk import judged, raised
from schema.analysis import Action, Evidence, FaultKind, Risk
from schema.incidents import WHOLE

_MAX_ACTIONS = 4
_MAX_CALLERS = 3
#: The kind of fault that each kind of evidence shows.
_FAULTS: dict[str, FaultKind] = {
    "silence": "silence", "memory": "memory", "cpu": "saturation", "io": "saturation",
    "saturation": "saturation", "load": "load", "network": "network", "latency": "latency",
    "errors": "errors", "fewer calls": "errors",
}  # fmt: skip

#: A text, and which evidence it rests on: the cause's own, of callers, of waiting, of a change.
_Template = tuple[str, str]
_SUGGESTED: dict[FaultKind, tuple[_Template, ...]] = {
    "memory": (
        ("Take a heap profile of {service} while it holds the memory", "own"),
        ("Restart the instances of {service} one by one", "own"),
    ),
    "latency": (
        ("Look at what {service} itself waits for: locks, disks, connections", "own"),
        ("Shield {callers} from {service} (time-outs, fallbacks) until it is healthy", "calls"),
    ),
    "errors": (
        ("Look at the failing requests in the logs of {service}", "own"),
        ("Shield {callers} from {service} (time-outs, fallbacks) until it is healthy", "calls"),
    ),
    "silence": (
        ("Check that {service} is up and can send its metrics", "own"),
        ("Restart {service} if it is down", "own"),
    ),
    "saturation": (
        ("Find out which requests to {service} take most of it", "own"),
        ("Add instances of {service}", "own"),
    ),
    "load": (
        ("Find out who sends {service} more than usual", "own"),
        ("Limit the calls that {service} takes in", "own"),
        ("Add instances of {service}", "own"),
    ),
    "network": (("Check the network between {callers} and {service}", "waiting"),),
    "other": (),
}
_UNDO = "Roll {service} back to before its {of} of {at}"
_ASK = "Ask whether the {of} of {service} of {at} is over"
_FOLLOW = "Follow the runbook of {service}"
_COMPARE = "Compare what was changed at {service} with when its trouble began"
#: Kinds of fault that a change of the service itself can bring.
_BROUGHT_BY_CHANGES = ("memory", "latency", "errors", "saturation", "other")


def fault_of(cause: Candidate | None) -> FaultKind:
    """The kind of fault that most of the evidence against a candidate shows."""
    terms = [] if cause is None else [name for name in cause.terms if name != "change"]
    return _FAULTS.get(terms[0], "other") if terms else "other"


def suggested(cause: Candidate, facts: Sequence[Evidence]) -> list[Action]:
    """Actions against the cause, those first that its evidence speaks for most."""
    about = [item for item in facts if cause.service_name in services_of(item)]
    return list(_actions(cause, about))[:_MAX_ACTIONS]


def first_look(evidence: Sequence[Evidence]) -> list[Action]:
    """What to do where no cause is singled out."""
    return [
        action("other", f"Look at the evidence by hand, beginning with {item.id}", [item.id])
        for item in evidence[:1]
    ]


def action(
    kind: FaultKind,
    text: str,
    cited: Sequence[str],
    says: tuple[Risk | None, bool | None] = (None, True),
) -> Action:
    """An action with its risk, never less than its words have; `says` is what is claimed."""
    risk, reversible = raised(text, says[0], says[1])
    return Action(text.strip().rstrip("."), kind, risk, reversible, list(cited))


def stated(one: Action) -> str:
    """The action as a sentence that cites its evidence."""
    return f"{one.text} {''.join(f'[{name}]' for name in one.evidence)}."


def in_words(one: Action) -> str:
    """Its risk for readers: "(medium risk, can be undone)"."""
    return f"({one.risk} risk, {'can' if one.reversible else 'cannot'} be undone)"


def _actions(cause: Candidate, about: Sequence[Evidence]) -> Iterator[Action]:
    kind, service = fault_of(cause), cause.service_name
    changes = [item for item in about if item.kind == "change"]
    for item in changes:
        text = _UNDO if item.ref["of"] in ("deploy", "change") else _ASK
        told = text.format(service=service, of=item.ref["of"], at=item.ref["at"])
        yield action("change", told, [item.id])
    for item in about:
        if item.kind == "runbook":
            yield _follow(kind, service, item)
    for text, rests_on in _SUGGESTED[kind]:
        cited = _cited(rests_on, cause, about)
        if cited:
            callers = dict.fromkeys(str(item.ref.get("caller")) for item in cited)
            told = text.format(service=service, callers=", ".join(callers))
            yield action(kind, told, [item.id for item in cited])
    moved = _cited("own", cause, about)
    if moved and not changes and kind in _BROUGHT_BY_CHANGES:
        yield action("change", _COMPARE.format(service=service), [item.id for item in moved])


def _follow(kind: FaultKind, service: str, item: Evidence) -> Action:
    """The runbook: as risky as what stands in it; of one behind a link nobody knows."""
    text = str(item.ref.get("text") or "")
    least, undoable = judged(text) if text else ("medium", False)
    return action(kind, _FOLLOW.format(service=service), [item.id], (least, undoable))


def _cited(rests_on: str, cause: Candidate, about: Sequence[Evidence]) -> list[Evidence]:
    if rests_on == "calls":
        calls = [item for item in about if item.kind == "topology"]
        return [e for e in calls if e.ref["callee"] == cause.service_name][:_MAX_CALLERS]
    if rests_on == "waiting":
        return [item for item in about if item.kind == "waiting"]
    silent = [item for item in about if item.kind == "silence"]
    moved = [
        item
        for item in about
        if item.kind in ("metric", "detection") and item.ref["metric_type"] != WHOLE
    ]
    return (silent or moved)[:2]
