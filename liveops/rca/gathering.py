"""From deviations to the view of all services side by side."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from liveops.rca.callgraph import CallGraph
from liveops.rca.deviation import MAX_STRENGTH, Deviation
from liveops.rca.kinds import Kind, failure_unit, meaning
from liveops.rca.series import Floats
from liveops.rca.view import LOCAL, View
from schema.incidents import WHOLE

#: An amount is counted from here on: below, it is as likely noise as not.
_COUNTED = 1.5
#: Kinds of which one metric a service is compared in amounts.
_COMPARED: tuple[Kind, ...] = ("latency", "client_latency", "errors")


def look(
    found: Sequence[Deviation],
    graph: CallGraph,
    services: Iterable[str] = (),
    symptom_metric: str | None = None,
) -> View:
    """Deviations by service; `services` are known ones beside those measured and in the graph."""
    names = tuple(sorted({*services, *graph.services, *(d.service_name for d in found)}))
    place = {name: number for number, name in enumerate(names)}
    rows = [(place[item.service_name], item) for item in found]
    edges = np.array([(place[a], place[b]) for a, b in graph.edges], dtype=np.int64).reshape(-1, 2)
    load = _load(rows)
    ratio, up, down, rate = _load_figures(load, len(names))
    chosen = {kind: _chosen(rows, kind, symptom_metric) for kind in _COMPARED}
    strength, lead = _strengths(rows, ratio, len(names))
    return View(
        names, edges[:, 0], edges[:, 1], strength, lead, {**chosen, "load": load},
        _excess(rows, chosen, rate), rate, ratio, up, down, _stopped(rows, len(names)),
        symptom_metric,
    )  # fmt: skip


def _load(rows: Sequence[tuple[int, Deviation]]) -> dict[int, Deviation]:
    """The measure of load that most services have, for the others what they have."""
    loads = [(row, item) for row, item in rows if item.kind == "load" and not item.silent]
    common = Counter(item.metric_type for _, item in loads)
    by_count = sorted(common, key=lambda name: (-common[name], name))
    order = {name: number for number, name in enumerate(by_count)}
    best: dict[int, Deviation] = {}
    for row, item in sorted(loads, key=lambda pair: (pair[0], order[pair[1].metric_type])):
        best.setdefault(row, item)
    return best


def _load_figures(load: dict[int, Deviation], size: int) -> tuple[Floats, Floats, Floats, Floats]:
    ratio, up, down = np.ones(size), np.zeros(size), np.zeros(size)
    rate = np.full(size, np.nan)
    for row, item in load.items():
        before, now = item.expected or 0.0, item.observed or 0.0
        rate[row] = max(now, 0.0)
        if before > 0:
            ratio[row] = max(now, 0.0) / before
        (up if now > before else down)[row] = item.strength
    known = rate[np.isfinite(rate)]
    usual = float(np.median(known)) if len(known) and np.median(known) > 0 else 1.0
    return ratio, up, down, np.where(np.isfinite(rate), rate, usual)


def _chosen(
    rows: Sequence[tuple[int, Deviation]], kind: Kind, symptom_metric: str | None
) -> dict[int, Deviation]:
    """One metric of the kind for each service: the symptom's, a mean, the lowest percentile."""
    best: dict[int, tuple[tuple[int, int, str], Deviation]] = {}
    for row, item in rows:
        if item.kind != kind or item.silent or item.base is None or item.observed is None:
            continue
        quantile = meaning(item.metric_type).quantile or 0
        key = (item.metric_type != symptom_metric, quantile, item.metric_type)
        if row not in best or key < best[row][0]:
            best[row] = (key, item)
    return {row: item for row, (_, item) in best.items()}


def _strengths(
    rows: Sequence[tuple[int, Deviation]], ratio: Floats, size: int
) -> tuple[dict[Kind, Floats], dict[tuple[int, Kind], Deviation]]:
    strength: dict[Kind, Floats] = defaultdict(lambda: np.zeros(size))
    lead: dict[tuple[int, Kind], Deviation] = {}
    for row, item in rows:
        if not item.worse or item.silent:
            continue
        far = item.strength
        if item.kind in LOCAL and item.observed is not None and item.expected is not None:
            far = _beyond_load(item, item.expected, item.observed, float(ratio[row]))
        if far > strength[item.kind][row] or (row, item.kind) not in lead:
            strength[item.kind][row] = far
            lead[row, item.kind] = item
    return dict(strength), lead


def _beyond_load(item: Deviation, expected: float, observed: float, ratio: float) -> float:
    """Distance from what the change of load explains: anything from none to in proportion."""
    if item.spread <= 0:
        return item.strength
    low, high = sorted((expected, expected * ratio))
    explained = min(max(observed, low), high)
    return min(abs(observed - explained) / item.spread, MAX_STRENGTH)


def _excess(
    rows: Sequence[tuple[int, Deviation]], chosen: dict[Kind, dict[int, Deviation]], rate: Floats
) -> dict[Kind, Floats]:
    highest: dict[str, float] = defaultdict(float)
    for _, item in rows:
        if item.kind == "errors":
            seen = max(abs(item.observed or 0.0), abs(item.expected or 0.0))
            highest[item.metric_type] = max(highest[item.metric_type], seen)
    found: dict[Kind, Floats] = {}
    for kind, items in chosen.items():
        found[kind] = np.zeros(len(rate))
        for row, item in items.items():
            if item.strength >= _COUNTED:
                amount = _amount(item, highest[item.metric_type], float(rate[row]))
                found[kind][row] = max(0.0, amount)
    return found


def _amount(item: Deviation, highest: float, rate: float) -> float:
    """What there is more than usual, in units that add up over services."""
    about = meaning(item.metric_type)
    more = item.more * about.worse
    if item.kind != "errors":
        return more * (about.unit_s or 1.0) * rate
    whole = failure_unit(item.metric_type, highest)
    return more / whole * rate if whole else more


def _stopped(rows: Sequence[tuple[int, Deviation]], size: int) -> Floats:
    """Share of each service's metrics that stopped; all of them where the whole service did."""
    every, stopped, whole = np.zeros(size), np.zeros(size), np.zeros(size)
    for row, item in rows:
        every[row] += 1
        stopped[row] += item.silent
        whole[row] = max(whole[row], item.silent and item.metric_type == WHOLE)
    return np.maximum(stopped / np.maximum(every, 1), whole)
