"""How much of what is seen each service answers for, term by term.

- What is passed up (latency, failures) is counted in amounts that add up; a service
  answers for the part that its callees' amounts do not cover.
- Resources stay where they are used; what the change of load explains is left out.
- Load comes down: a service whose callers ask no more than usual is where it came in,
  and a service that gets less of it than its caller gets is told on by its caller.
- Waiting for answers that no callee was slow with is the network's: of the callees that
  all their callers wait for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from liveops.rca.deviation import ONSET_STRENGTH
from liveops.rca.kinds import Kind
from liveops.rca.series import Floats
from liveops.rca.view import LOCAL, PASSED_UP, View, weight

#: Share of an amount that stays with a caller though its callees cover it: edges may be
#: wrong, and a callee may be slow because of what it is asked for.
_KEPT = 0.15
#: Power of amounts that cannot be compared with each other: sixteenfold counts double.
_ROUGHLY = 0.25
#: What another kind of metric than the symptom's is worth.
_OTHER_KIND = 0.2
#: Kinds that users feel: others say where to look, not what to look for.
_FELT: tuple[Kind, ...] = ("latency", "client_latency", "errors")
#: Share of a caller's own slowness that may as well be the way to a callee, where the
#: caller does not measure how long it waits.
_UNSEEN_WAY = 0.5
#: Evidence of a service that is gone: more than one metric can give (3.9), less than two.
_GONE = 6.0
#: Terms that rest on what other services show.
INDIRECT = ("network", "fewer calls")


@dataclass(frozen=True)
class Blame:
    """Terms by name, each an array over the services; `total` is their sum."""

    terms: Mapping[str, Floats]
    #: By kind: excess of each service, and what its callees account for of it.
    amounts: Mapping[Kind, tuple[Floats, Floats]]

    @property
    def total(self) -> Floats:
        """Evidence against each service."""
        # Summed in order of size, so that the order of terms cannot change the last bit.
        found: Floats = np.sort(np.stack(list(self.terms.values())), axis=0).sum(axis=0)
        return found


def blame(view: View, symptom: Kind | None = None) -> Blame:
    """Evidence against every service; `symptom` is the kind of what was noticed."""
    terms: dict[str, Floats] = {}
    symptom = symptom if symptom in _FELT else None
    seen = _imputed(view)
    worth = {kind: weight(values) for kind, values in seen.strength.items()}
    nothing = np.zeros(view.size)
    excuse = _load_excuse(view)
    excused = nothing
    for kind in (*PASSED_UP, *LOCAL):
        value = worth.get(kind, nothing)
        excused = np.maximum(excused, value * excuse)
        value = value * (1 - excuse)
        if kind == "latency":
            # Who waits is excused.
            value = np.maximum(0.0, value - worth.get("client_latency", nothing))
        if kind in PASSED_UP:
            value = value * _own_share(seen, kind)
        terms[kind] = value * _fit(kind, symptom)
    terms["silence"] = view.stopped * _GONE
    terms["load"] = _load_entry(view, excuse, excused, _fit("load", symptom))
    terms["fewer calls"] = _fewer_calls(view) * _fit("load", symptom)
    slow = terms["latency"] / _fit("latency", symptom)
    terms["network"] = _network(view, worth, slow) * _fit("client_latency", symptom)
    amounts = {kind: (seen.excess[kind], _covered(seen, kind)) for kind in PASSED_UP}
    return Blame(terms, amounts)


def _fit(kind: Kind, symptom: Kind | None) -> float:
    alike = symptom is None or kind == symptom
    alike |= {kind, symptom} <= {"latency", "client_latency"}
    return 1.0 if alike else _OTHER_KIND


@dataclass(frozen=True)
class _Seen:
    view: View
    strength: dict[Kind, Floats]
    excess: dict[Kind, Floats]


def _imputed(view: View) -> _Seen:
    """Latency and failures of services that show something, but do not measure these.

    A service that is gone, or ill without a metric of the kind, is taken to pass up what
    its callers show too much of.
    """
    strength, excess = dict(view.strength), dict(view.excess)
    ill = view.ill()
    for kind in PASSED_UP:
        blind = view.silent | (ill & ~view.measured(kind))
        above = view.from_callers(excess[kind])
        excess[kind] = np.where(blind, np.maximum(excess[kind], above), excess[kind])
        usual = strength.get(kind, np.zeros(view.size))
        shown = np.where(blind & (above > 0) & ~view.silent, view.most_of_callers(usual), 0.0)
        strength[kind] = np.maximum(usual, shown)
    return _Seen(view, strength, excess)


def _own_share(seen: _Seen, kind: Kind) -> Floats:
    """Each service's own part of the excess beside the greatest own part.

    Where nobody measures requests, amounts do not add up over services: then each one's
    own part is taken beside its own amount, and sizes count little.
    """
    amount, covered = seen.excess[kind], _covered(seen, kind)
    own = np.maximum(0.0, amount - covered) + _KEPT * amount
    if not seen.view.measured("load").any():
        greatest = max(amount.max(initial=0.0), 1e-300)
        own = own / np.where(amount > 0, amount, 1.0) * (amount / greatest) ** _ROUGHLY
    most = own.max(initial=0.0)
    # Where no amount is known, none is less than another.
    return own / most if most > 0 else np.ones(seen.view.size)


def _covered(seen: _Seen, kind: Kind) -> Floats:
    """What the callees account for of each service's excess."""
    covered = seen.view.from_callees(seen.excess[kind])
    if kind == "latency":
        covered = np.maximum(covered, seen.excess["client_latency"])
    return covered


def _load_excuse(view: View) -> Floats:
    """Share of a service's troubles that more load explains: all of them when it doubled."""
    sure = np.minimum(1.0, weight(view.load_up) / weight(np.array(ONSET_STRENGTH)))
    share: Floats = np.clip(view.load_ratio - 1, 0.0, 1.0) * sure
    return share


def _load_entry(view: View, excuse: Floats, excused: Floats, fit: float) -> Floats:
    """Load that no caller passed on, with the troubles that it explains anywhere."""
    more = weight(view.load_up)
    with np.errstate(invalid="ignore", divide="ignore"):
        entered = np.where(more > 0, np.maximum(0.0, 1 - view.most_of_callers(more) / more), 0.0)
    found: Floats = entered * (more * fit + excused.max(initial=0.0) * excuse)
    return found


def _fewer_calls(view: View) -> Floats:
    """A caller that asks for less than its own load would need breaks off early."""
    change = weight(view.load_up) - weight(view.load_down)
    callers, callees = view.callers, view.callees
    missing = np.maximum(0.0, change[callers] - change[callees])
    missing = np.minimum(missing, weight(view.load_down)[callees])
    calling = np.maximum(np.bincount(callees, minlength=view.size), 1)
    calls = np.maximum(np.bincount(callers, minlength=view.size), 1)
    found = np.zeros(view.size)
    np.add.at(found, callers, missing / np.sqrt(calling[callees]))
    found /= np.sqrt(calls)
    return found


def _network(view: View, worth: Mapping[Kind, Floats], slow: Floats) -> Floats:
    """Waiting that the callees' own latency does not explain, for those waited for.

    All callers of a service behind a bad line wait, so sums are divided by the root of
    how many there are (Stouffer): one in three waiting says less than one of one.
    """
    size = view.size
    calls_any = np.bincount(view.callers, minlength=size) > 0
    waiting = view.measured("client_latency")
    unexplained = np.where(calls_any, _UNSEEN_WAY * slow, 0.0)
    unexplained[waiting] = _unexplained(view, worth)[waiting]
    knows = waiting | (calls_any & view.measured("latency"))
    callers = view.from_callers(knows.astype(float))
    inbound = view.from_callers(np.where(knows, unexplained, 0.0))
    outbound = np.where(waiting & calls_any, unexplained, 0.0)
    alone = inbound / np.sqrt(np.maximum(callers, 1))
    both = (inbound + outbound) / np.sqrt(np.maximum(callers, 1) + 1)
    found: Floats = np.maximum(alone, both)
    return found


def _unexplained(view: View, worth: Mapping[Kind, Floats]) -> Floats:
    """Evidence of waiting, less the share that the callees' mean excess latency covers."""
    size = view.size
    wait, slower = np.zeros(size), np.zeros(size)
    measured = np.zeros(size)
    for row, item in view.chosen["client_latency"].items():
        wait[row] = (item.observed or 0.0) - (item.expected or 0.0)
    for row, item in view.chosen["latency"].items():
        slower[row] = max(0.0, (item.observed or 0.0) - (item.expected or 0.0)) * view.rate[row]
        measured[row] = view.rate[row]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = view.from_callees(slower) / view.from_callees(measured)
        covered = np.clip(np.nan_to_num(mean / np.maximum(wait, 1e-12)), 0.0, 1.0)
    return worth.get("client_latency", np.zeros(size)) * np.where(wait > 0, 1 - covered, 0.0)
