"""Reference against what the product says: a list of differences, empty when all is well."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from tests.chaos.reference import SIZES, Counted, Expected, Fault, Series, WindowKey

RELATIVE = 1e-9
#: A quantile may be one percent off, and the last bit of that.
QUANTILE_RELATIVE = 0.01 + 1e-12
_EXACT = ("count", "sum", "min", "max")

Json = dict[str, Any]


class Difference(NamedTuple):
    """One thing that is not as it must be."""

    where: str
    what: str
    expected: object
    found: object

    def __str__(self) -> str:
        return f"{self.where:<11} {self.what}: expected {self.expected}, found {self.found}"


@dataclass(slots=True)
class Aggregated:
    """Everything read from `metrics.aggregated`, by window and revision."""

    windows: dict[WindowKey, dict[int, Json]] = field(default_factory=dict)
    repeats: int = 0
    differences: list[Difference] = field(default_factory=list)

    def add(self, record: Json) -> None:
        """Take in one record, in the order of its partition."""
        key = window_key(record["service_name"], record, record["window"])
        revisions = self.windows.setdefault(key, {})
        known = revisions.setdefault(record["revision"], record)
        if known is record:
            return
        if known == record:
            self.repeats += 1
        else:
            what = f"{name_of(key)} revision {record['revision']} twice, with other content"
            self.differences.append(_told("aggregated", what, known, record))

    def latest(self) -> dict[WindowKey, Json]:
        """The highest revision of each window."""
        return {key: revisions[max(revisions)] for key, revisions in self.windows.items()}

    def emitted_again(self) -> list[Difference]:
        """Revisions that correct nothing: their window was closed or emitted once more."""
        found = list(self.differences)
        for key, revisions in self.windows.items():
            ordered = [revisions[number] for number in sorted(revisions)]
            for earlier, later in itertools.pairwise(ordered):
                if not later.get("backfill") and later["count"] <= earlier["count"]:
                    what = f"{name_of(key)} emitted again, revision {later['revision']}"
                    found.append(_told("aggregated", what, earlier, later))
        return found


def _told(where: str, what: str, earlier: Json, later: Json) -> Difference:
    names = sorted(n for n in earlier.keys() | later.keys() if earlier.get(n) != later.get(n))
    names = [name for name in names if name != "histogram"] or names
    return Difference(
        where, what, {n: earlier.get(n) for n in names}, {n: later.get(n) for n in names}
    )


def window_key(service: str, record: Json, window: str) -> WindowKey:
    """The identity of a window as the product writes it."""
    series = (record["metric_type"], tuple(sorted(record["tags"].items())))
    return service, series, window, int(datetime.fromisoformat(record["start"]).timestamp())


def name_of(key: WindowKey) -> str:
    """A window in words."""
    service, series, window, start_s = key
    return f"{service} {series_name(series)} {window} @{start_s}"


def series_name(series: Series) -> str:
    """A series in words."""
    return series[0] + "".join(f"{{{name}={text}}}" for name, text in series[1])


def compare_windows(
    where: str,
    expected: Mapping[WindowKey, Expected],
    found: Mapping[WindowKey, Json],
    final_until_s: Mapping[str, float],
    *,
    with_histogram: bool = True,
) -> list[Difference]:
    """Missing, wrong and invented windows; those that may still be open are left out."""
    differences: list[Difference] = []
    for key, wanted in expected.items():
        got = found.get(key)
        if got is None:
            differences.append(Difference(where, name_of(key), f"count {wanted.count}", "nothing"))
        else:
            differences += _window(where, key, wanted, got, with_histogram)
    for key in found.keys() - expected.keys():
        service, _, window, start_s = key
        if start_s + SIZES[window] <= final_until_s.get(service, math.inf):
            what = f"count {found[key]['count']}"
            differences.append(Difference(where, name_of(key), "no such window", what))
    return differences


def _window(
    where: str, key: WindowKey, wanted: Expected, got: Json, with_histogram: bool
) -> list[Difference]:
    wrong = {n: (getattr(wanted, n), got[n]) for n in _EXACT if getattr(wanted, n) != got[n]}
    for name in ("mean", "stddev", "rate"):
        if not math.isclose(getattr(wanted, name), got[name], rel_tol=RELATIVE):
            wrong[name] = (getattr(wanted, name), got[name])
    for name, value in wanted.quantiles.items():
        if not math.isclose(value, got[name], rel_tol=QUANTILE_RELATIVE):
            wrong[name] = (value, got[name])
    if got["final"] is not True:
        wrong["final"] = (True, got["final"])
    if with_histogram and got["histogram"] != wanted.histogram:
        wrong["histogram"] = (wanted.histogram, got["histogram"])
    if not wrong:
        return []
    shown = [name for name in wrong if name != "histogram"] or list(wrong)
    what = name_of(key)
    if "revision" in got:
        what += f" revision {got['revision']}" + (" backfill" if got.get("backfill") else "")
    return [
        Difference(where, what, {n: wrong[n][0] for n in shown}, {n: wrong[n][1] for n in shown})
    ]


def compare_rows(metrics: Iterable[Counted], rows: Iterable[Counted]) -> list[Difference]:
    """Rows of the archive: each metric once, with its own id where it has one."""
    listed = list(rows)
    ids = Counter(row.id for row in listed)
    differences = [
        Difference("postgres", f"id {identity}", "one row", f"{number} rows")
        for identity, number in ids.items()
        if number > 1
    ]
    wanted = list(metrics)
    given = {metric.id for metric in wanted if metric.id}
    plain = [row if row.id in given else row._replace(id="") for row in listed]
    balance = Counter(wanted)
    balance.subtract(plain)
    return differences + [
        Difference("postgres", _row(metric), *(("a row", "none") if n > 0 else ("no row", -n)))
        for metric, n in balance.items()
        if n
    ]


def _row(metric: Counted) -> str:
    place = f"{metric.service} {series_name(metric.series)} at {metric.time_us}"
    return f"{place} = {metric.value} {metric.id}".rstrip()


def compare_faults(expected: set[Fault], found: Iterable[Fault]) -> list[Difference]:
    """Dead letters: one at least for each bad input and none for good ones."""
    got = set(found)
    return [
        Difference("deadletter", f"partition/offset/index/more {fault}", "a letter", "none")
        for fault in sorted(expected - got, key=str)
    ] + [
        Difference("deadletter", f"partition/offset/index/more {fault}", "none", "a letter")
        for fault in sorted(got - expected, key=str)
    ]
