"""Facts about a service that only others show: who waits for it, whom it no longer calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from liveops.incidents.sentences import figure
from liveops.rca.callgraph import CallGraph
from liveops.rca.deviation import ONSET_STRENGTH, Deviation
from liveops.rca.kinds import Kind, unit
from liveops.rca.ranking import Candidate

#: Below this a neighbour's metric is not told.
_WORTH_TELLING = ONSET_STRENGTH / 2
#: A term is told when it is at least this share of the evidence.
_MAIN_SHARE = 0.4
_NEIGHBOURS = 3
WAITS = (
    "{caller} {metric} has the median {observed}, {expected} before: it waits for what it calls, "
    "{callee} among it"
)
FEWER = (
    "{callee} {metric} has the median {observed}, {expected} before, though {caller}, which calls "
    "it, does not get less to do by as much"
)


def hearsay(
    one: Candidate, others: Mapping[str, Candidate], graph: CallGraph
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Text, kind and reference of each such fact about a candidate."""
    if one.terms.get("network", 0.0) >= _MAIN_SHARE * one.weight > 0:
        for caller in sorted(graph.callers(one.service_name))[:_NEIGHBOURS]:
            item = _strongest(others.get(caller), ("client_latency", "latency"), 1)
            if item is not None:
                yield _fact(WAITS, "waiting", caller, one.service_name, item)
    if one.terms.get("fewer calls", 0.0) >= _MAIN_SHARE * one.weight > 0:
        for callee in sorted(graph.callees(one.service_name))[:_NEIGHBOURS]:
            item = _strongest(others.get(callee), ("load",), -1)
            if item is not None:
                yield _fact(FEWER, "fewer calls", one.service_name, callee, item)


def _strongest(one: Candidate | None, kinds: tuple[Kind, ...], direction: int) -> Deviation | None:
    found = [
        item
        for item in (one.deviations if one is not None else ())
        if item.kind in kinds and item.direction == direction and not item.silent
        and item.strength >= _WORTH_TELLING and item.history
    ]  # fmt: skip
    return max(found, key=lambda d: (-kinds.index(d.kind), d.strength, d.metric_type), default=None)


def _fact(
    text: str, kind: str, caller: str, callee: str, item: Deviation
) -> tuple[str, str, dict[str, Any]]:
    sign = unit(item.metric_type)
    told = text.format(
        caller=caller, callee=callee, metric=item.metric_type,
        observed=f"{figure(item.observed)} {sign}".strip(),
        expected=f"{figure(item.base)} {sign}".strip(),
    )  # fmt: skip
    ref = {"caller": caller, "callee": callee, "metric_type": item.metric_type,
           "observed": item.observed, "expected": item.base}  # fmt: skip
    return told, kind, ref
