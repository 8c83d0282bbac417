"""All services of an incident side by side: what each shows, by kind, as arrays."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liveops.rca.callgraph import CallGraph
from liveops.rca.deviation import MAX_STRENGTH, ONSET_STRENGTH, Deviation
from liveops.rca.kinds import Kind, failure_unit, meaning
from liveops.rca.series import Floats, Ints
from schema.incidents import WHOLE

#: Kinds that stay with the service that uses the resource.
LOCAL: tuple[Kind, ...] = ("cpu", "memory", "io", "saturation", "other")
#: Kinds of which a caller shows what its callees do.
PASSED_UP: tuple[Kind, ...] = ("latency", "errors")
#: A metric moved by so many sigmas is a sign of its own, when others are missing.
_ILL = 5.0
#: An amount is counted from here on: below, it is as likely noise as not.
_COUNTED = 1.5
#: What the past has seen more often than this is no departure from it.
_RARE_SHARE = 0.02
#: In a short past three stray values as far out are let pass, beside the value itself.
_RARE_VALUES = 4.5
#: A service of which so much went silent is gone.
_MOST = 0.5
Bools = NDArray[np.bool_]


def weight(strength: Floats) -> Floats:
    """What a distance in sigmas is worth as evidence: 0.35 at 1, 1.15 at 3, 2.3 at 10.

    Metrics have heavy tails. For noise of the heaviest kind (Cauchy) this is half the
    logarithm of how much likelier the usual value was than the one seen.
    """
    return np.log1p(strength**2) / 2


@dataclass(frozen=True)
class View:
    """Row i is service `services[i]`; `callers[j]` calls `callees[j]`.

    `strength[kind]` is the greatest distance of a metric of the kind in the bad
    direction, `lead` the deviation that has it. `excess[kind]` is how much more there is
    than usual in units that add up: seconds of waiting or failures per unit of time;
    `rate` are the requests. `load_ratio` is the load beside the usual one, `load_up` and
    `load_down` its distance in sigmas. `stopped` is the share of metrics that went silent.
    """

    services: tuple[str, ...]
    callers: Ints
    callees: Ints
    strength: dict[Kind, Floats]
    lead: dict[tuple[int, Kind], Deviation]
    chosen: dict[Kind, dict[int, Deviation]]
    excess: dict[Kind, Floats]
    rate: Floats
    load_ratio: Floats
    load_up: Floats
    load_down: Floats
    stopped: Floats
    symptom_metric: str | None = None

    @property
    def size(self) -> int:
        """Number of services."""
        return len(self.services)

    @property
    def silent(self) -> Bools:
        """Which services stopped for the greater part."""
        return self.stopped >= _MOST

    def measured(self, kind: Kind) -> Bools:
        """Which services have a metric of the kind."""
        has = np.zeros(self.size, dtype=np.bool_)
        has[list(self.chosen.get(kind, {}))] = True
        return has

    def departed(self) -> Bools:
        """Which services have a metric that left its past beyond what it did before."""
        found = self.silent.copy()
        for (row, kind), item in self.lead.items():
            asked, far = item, self.strength[kind][row]
            same = self.chosen.get(kind, {}).get(row)
            if same is not None and same.metric_type == self.symptom_metric:
                # Like with like: of five percentiles one is often out by chance.
                asked, far = same, same.strength if same.worse else 0.0
            rare = asked.rarity <= max(_RARE_SHARE, _RARE_VALUES / (asked.history + 1))
            found[row] |= rare and far >= ONSET_STRENGTH
        return found

    def ill(self) -> Bools:
        """Which services show something of their own beyond doubt."""
        found = self.silent.copy()
        for kind, values in self.strength.items():
            if kind != "load":
                found |= values >= _ILL
        return found

    def from_callers(self, values: Floats) -> Floats:
        """Sum over each service's callers."""
        found = np.zeros(self.size)
        np.add.at(found, self.callees, values[self.callers])
        return found

    def most_of_callers(self, values: Floats) -> Floats:
        """Greatest value among each service's callers, at least 0."""
        found = np.zeros(self.size)
        np.maximum.at(found, self.callees, values[self.callers])
        return found

    def from_callees(self, values: Floats) -> Floats:
        """Sum over each service's callees."""
        found = np.zeros(self.size)
        np.add.at(found, self.callers, values[self.callees])
        return found


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
    chosen = {kind: _chosen(rows, kind, symptom_metric) for kind in ("latency", "client_latency", "errors")}  # fmt: skip
    strength, lead = _strengths(rows, ratio, len(names))
    return View(
        names, edges[:, 0], edges[:, 1], strength, lead, {**chosen, "load": load},
        _excess(rows, chosen, rate), rate, ratio, up, down, _stopped(rows, len(names)), symptom_metric,
    )  # fmt: skip


def _load(rows: Sequence[tuple[int, Deviation]]) -> dict[int, Deviation]:
    """The measure of load that most services have, for the others what they have."""
    loads = [(row, item) for row, item in rows if item.kind == "load" and not item.silent]
    common = Counter(item.metric_type for _, item in loads)
    order = {name: n for n, (name, _) in enumerate(sorted(common.items(), key=lambda x: (-x[1], x[0])))}  # fmt: skip
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
        amounts = np.zeros(len(rate))
        for row, item in items.items():
            about = meaning(item.metric_type)
            more = item.more * about.worse
            if more <= 0 or item.strength < _COUNTED:
                continue
            unit = failure_unit(item.metric_type, highest[item.metric_type]) if kind == "errors" else about.unit_s or 1.0  # fmt: skip
            if kind == "errors":
                amounts[row] = more / unit * rate[row] if unit else more
            else:
                amounts[row] = more * unit * rate[row]
        found[kind] = amounts
    return found


def _stopped(rows: Sequence[tuple[int, Deviation]], size: int) -> Floats:
    """Share of each service's metrics that stopped; all of them where the whole service did."""
    every, stopped, whole = np.zeros(size), np.zeros(size), np.zeros(size)
    for row, item in rows:
        every[row] += 1
        stopped[row] += item.silent
        whole[row] = max(whole[row], item.silent and item.metric_type == WHOLE)
    return np.maximum(stopped / np.maximum(every, 1), whole)
