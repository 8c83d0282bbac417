"""Servers of many metrics (ASD, SMD): who finds the labelled segments and names a guilty metric.

Each row of a file holds all metrics of a server. A server alarms where `least` of its metrics
do within an hour; beside the ensemble two rules that operators write: a value outside of what
the training file had, and a plain z-score against the training file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.quality.healthy import START_S
from tests.quality.labelled import SHARED
from tests.quality.series import Floats, Line, surprises

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
#: Data sets and the step of their rows.
SETS = {"asd": 300.0, "smd": 60.0}
_HOUR_S, _DAY_S = 3600.0, 86_400.0
#: An alarm finds a segment from so many rows before to so many after; true rows with at most
#: `_MERGE` rows between are one alarm, as for the cloud-monitoring series.
_BEFORE, _AFTER, _MERGE = 1, 3, 5
_DEVIATIONS = 4.0


@dataclass(frozen=True, slots=True)
class Server:
    """One server; segments are rows of `test`, the last included, with their guilty columns."""

    name: str
    step_s: float
    train: Floats
    test: Floats
    segments: list[tuple[int, int]]
    guilty: list[frozenset[int]]


def missing() -> str:
    """What is not there, "" when all is."""
    wanted = [SHARED / "data" / name for name in SETS]
    return ", ".join(str(path) for path in wanted if not path.is_dir())


def load(name: str) -> list[Server]:
    """The servers of one data set."""
    folder = SHARED / "data" / name
    return [_server(path, SETS[name]) for path in sorted(folder.glob("*_windows.json"))]


def _server(path: Path, step_s: float) -> Server:
    name = path.name.removesuffix("_windows.json")
    train, test = (
        np.loadtxt(path.with_name(f"{name}_{part}.csv"), delimiter=",", ndmin=2)
        for part in ("train", "test")
    )
    segments = [(int(a), int(b)) for a, b in json.loads(path.read_text())["anomalies"]]
    causes = {}
    for line in path.with_name(f"{name}_causes.txt").read_text().split():
        span, metrics = line.split(":")
        # Metrics are counted from 1.
        causes[int(span.split("-")[0])] = frozenset(int(one) - 1 for one in metrics.split(","))
    guilty = [causes.get(first, frozenset()) for first, _ in segments]
    return Server(name, step_s, train, test, segments, guilty)


def _out_of_range(server: Server) -> Bools:
    return np.asarray(
        (server.test < server.train.min(axis=0)) | (server.test > server.train.max(axis=0))
    )


def _far(server: Server) -> Bools:
    deviation = server.train.std(axis=0)
    away = np.abs(server.test - server.train.mean(axis=0))
    return np.asarray((deviation > 0) & (away > _DEVIATIONS * deviation))


def _ensemble(server: Server) -> Bools:
    both = np.vstack((server.train, server.test))
    time_s = START_S + server.step_s * np.arange(len(both), dtype=np.float64)
    found = surprises([Line(str(k), "", time_s, both[:, k]) for k in range(both.shape[1])])
    alarms = np.column_stack([found[str(k)] > 0 for k in range(both.shape[1])])
    return np.asarray(alarms[len(server.train) :])


RULES: dict[str, Callable[[Server], Bools]] = {
    "ensemble": _ensemble,
    "range of training": _out_of_range,
    "z-score over 4": _far,
}


@dataclass(slots=True)
class Tally:
    """What a rule told of some servers."""

    segments: int = 0
    found: int = 0
    named: int = 0
    false: int = 0
    days: float = 0.0

    def add(self, server: Server, breach: Bools, least: int) -> None:
        """Count the alarms of one server."""
        hour = round(_HOUR_S / server.step_s)
        before = np.zeros((hour, breach.shape[1]), dtype=bool)
        sums: Ints = np.cumsum(np.vstack((before, breach)), axis=0, dtype=np.int64)
        late = sums[hour:] - sums[:-hour] > 0
        true = np.flatnonzero(late.sum(axis=1) >= least)
        starts = true[np.diff(true, prepend=-_MERGE - 2) > _MERGE + 1]
        spans = [(first - _BEFORE, last + _AFTER) for first, last in server.segments]
        for (first, last), guilty in zip(spans, server.guilty, strict=True):
            inside = starts[(starts >= first) & (starts <= last)]
            self.found += len(inside) > 0
            self.named += any(guilty & set(np.flatnonzero(late[row]).tolist()) for row in inside)
        self.false += sum(not any(a <= row <= b for a, b in spans) for row in starts)
        self.segments += len(spans)
        self.days += len(server.test) * server.step_s / _DAY_S

    def row(self) -> str:
        """F1, false alarms a server-day, share of segments with a guilty metric named."""
        total = self.segments + self.found + self.false
        return (
            f"{2 * self.found / total:8.3f}{self.false / self.days:10.3f}"
            f"{self.named / self.segments:8.2f}{self.found:6}/{self.segments}"
        )


def rows(name: str) -> Iterator[str]:
    """Each rule where one metric is enough and where two must agree."""
    servers = load(name)
    for rule, breaches in RULES.items():
        told = [breaches(server) for server in servers]
        for least in (1, 2):
            tally = Tally()
            for server, breach in zip(servers, told, strict=True):
                tally.add(server, breach, least)
            yield f"{rule:20}{least} metric{'s' * (least > 1):4}{tally.row()}"
