"""Generated incidents by family; the same seed gives the same ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from liveops.rca.series import Sample
from tests.eval import faults
from tests.eval.reports import STYLES, Row, report, seasonal
from tests.eval.world import STEP_S, System, Telemetry, build, calm, run

START_S = 1_700_000_040.0
FAMILIES = (
    *faults.FAULTS, "surge", "decoy", "no_cause", "missing_metrics", "wrong_edges",
    "missing_edges", "no_edges", "asynchronous", "two_faults", "late_detection",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One incident to be explained; `truth` is empty where there is no cause to be named."""

    name: str
    group: str
    samples: list[Sample]
    edges: list[tuple[str, str]]
    at_s: float
    truth: frozenset[str]
    symptom_service: str | None = None
    symptom_metric: str | None = None


def generated(per_family: int = 20, seed: int = 1) -> Iterator[Case]:
    """`per_family` incidents of each family."""
    for number, family in enumerate(FAMILIES):
        for k in range(per_family):
            yield scenario(family, np.random.default_rng((seed, number, k)), k)


def scenario(family: str, rng: np.random.Generator, number: int = 0) -> Case:
    """One incident of a family."""
    size = int(rng.integers(5, 61))
    system = build(rng, size, asynchronous=0.5 if family == "asynchronous" else 0.1)
    past, during = int(rng.choice([45, 60, 120, 360, 1440])), int(rng.integers(4, 16))
    minutes = past + during
    onset = past - int(rng.integers(1, 3)) if family == "late_detection" else past
    course = calm(system, minutes)
    course.traffic_per_s *= seasonal(rng, minutes, float(rng.uniform(0, 0.5)))
    good = run(system, course)
    kinds = _kinds(family, rng)
    guilty = _guilty(system, rng, len(kinds))
    for kind, who in zip(kinds, guilty, strict=True):
        faults.FAULTS[kind](system, course, onset, who, rng)
    if family == "surge":
        faults.surge(system, course, onset, 0, rng)
        guilty = [0]
    bad = run(system, course)
    style = STYLES[int(rng.integers(len(STYLES)))]
    rows = list(report(rng, bad, style, rng.uniform(0.02, 0.1)))
    rows = [_silenced(row, course.down[:, row.service]) for row in rows]
    if family == "decoy":
        rows = _decoys(rng, rows, past, guilty)
    if family == "missing_metrics":
        rows = _lost(rng, rows, guilty)
    symptom = _symptom(rng, rows, good, bad, past) if family != "no_cause" else (None, None)
    names = _names(rng, size)
    return Case(
        f"{family}-{number}",
        family,
        list(_samples(rows, names)),
        _edges(system, rng, family, names),
        START_S + STEP_S * past,
        frozenset(names[who] for who in _named(system, kinds, guilty, style)),
        None if symptom[0] is None else names[symptom[0]],
        symptom[1],
    )


def _kinds(family: str, rng: np.random.Generator) -> list[str]:
    if family in faults.FAULTS:
        return [family]
    if family in ("no_cause", "surge"):
        return []
    count = 2 if family == "two_faults" else 1
    return [str(kind) for kind in rng.choice(sorted(faults.FAULTS), count, replace=False)]


def _guilty(system: System, rng: np.random.Generator, count: int) -> list[int]:
    """Services that somebody calls often enough to be missed."""
    per_request = np.zeros(system.size)
    per_request[0] = 1.0
    for call in sorted(system.calls, key=lambda c: (c.caller, c.callee)):
        if call.callee > call.caller:
            per_request[call.callee] += per_request[call.caller] * call.per_request
    used = np.flatnonzero(per_request >= 0.15)
    used = used[used > 0] if len(used) > count else used
    return [int(who) for who in rng.choice(used, count, replace=False)]


def _named(system: System, kinds: list[str], guilty: list[int], style: dict[str, str]) -> set[int]:
    """Who may be named. Of a bad line that nobody measures either end is a right answer."""
    named = set(guilty)
    if "network" in kinds and not any(what.startswith("client") for what in style):
        for kind, who in zip(kinds, guilty, strict=True):
            if kind == "network":
                named |= {c.caller for c in system.calls if c.callee == who and c.synchronous}
    return named


def _silenced(row: Row, down: NDArray[np.bool_]) -> Row:
    return replace(row, values=np.where(down, np.nan, row.values))


def _decoys(rng: np.random.Generator, rows: list[Row], at: int, guilty: list[int]) -> list[Row]:
    """Changes elsewhere that hurt nobody: a batch job, a cache, a metric gone wild."""
    others = sorted({row.service for row in rows} - set(guilty))
    chosen = set(rng.choice(others, min(2, len(others)), replace=False).tolist())
    changed = []
    for row in rows:
        harmless = not any(word in row.metric for word in ("latency", "duration", "time", "err"))
        harmless &= not any(word in row.metric for word in ("avail", "success", "fail"))
        harmless &= not any(word in row.metric for word in ("requests", "calls", "through"))
        if row.service in chosen and harmless:
            values = row.values.copy()
            values[at - int(rng.integers(0, 20)) :] *= rng.uniform(1.3, 2.0)
            row = replace(row, values=values)
        changed.append(row)
    return changed


def _lost(rng: np.random.Generator, rows: list[Row], guilty: list[int]) -> list[Row]:
    """A third of the series and some whole services are not measured; gaps in the rest."""
    services = sorted({row.service for row in rows})
    blind = {s for s in services if s not in guilty and rng.random() < 0.2}
    kept = [r for r in rows if r.service not in blind and rng.random() < 0.75]
    for who in guilty:
        if not any(row.service == who for row in kept):
            kept += [row for row in rows if row.service == who]
    return [
        replace(row, values=np.where(rng.random(len(row.values)) < 0.1, np.nan, row.values))
        for row in kept
    ]


def _symptom(
    rng: np.random.Generator, rows: list[Row], good: Telemetry, bad: Telemetry, at: int
) -> tuple[int | None, str | None]:
    """In half of the cases: what users notice at the entry, if they notice anything."""
    if rng.random() < 0.5:
        return None, None
    slower = np.median(bad.latency_s[at:, 0]) / np.median(good.latency_s[at:, 0]) - 1
    broken = float(np.median(bad.failing[at:, 0] - good.failing[at:, 0]))
    words = ("err", "fail", "avail", "success") if broken > 0.005 else ("latency", "dur", "time")
    if max(slower / 0.1, broken / 0.005) < 1:
        return None, None
    metrics = [r.metric for r in rows if r.service == 0 and "client" not in r.metric]
    fitting = [metric for metric in metrics if any(word in metric for word in words)]
    return (0, fitting[0]) if fitting else (0, None)


def _edges(
    system: System, rng: np.random.Generator, family: str, names: list[str]
) -> list[tuple[str, str]]:
    edges = sorted({(call.caller, call.callee) for call in system.calls})
    if family == "no_edges":
        return []
    if family in ("wrong_edges", "missing_edges"):
        kept = [edge for edge in edges if rng.random() >= 0.2]
        if family == "wrong_edges":
            count = len(edges) - len(kept)
            kept += [tuple(rng.choice(system.size, 2, replace=False)) for _ in range(count)]
        edges = kept
    return [(names[caller], names[callee]) for caller, callee in edges]


def _names(rng: np.random.Generator, size: int) -> list[str]:
    """Names that tell nothing, in no order."""
    return [f"s{number:03d}" for number in rng.permutation(1000)[:size]]


def _samples(rows: list[Row], names: list[str]) -> Iterator[Sample]:
    for row in rows:
        for minute in np.flatnonzero(np.isfinite(row.values)):
            yield Sample(
                names[row.service], row.metric, START_S + STEP_S * minute, float(row.values[minute])
            )
