"""From figures to the document of `--json` and the table for people. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rich.table import Table

from liveops.bench.throughput import Result


@dataclass(slots=True)
class Figures:
    """What was measured; a scenario that did not run is absent."""

    single: Result | None = None
    batch: Result | None = None
    miskeyed: Result | None = None
    garbage: Result | None = None
    counters: Result | None = None
    #: By number of series; few are measured before and after many.
    series: dict[int, list[Result]] = field(default_factory=dict)
    age_ms: dict[str, dict[str, float]] = field(default_factory=dict)
    #: Raw rows a second.
    archive: float | None = None


def mean(values: list[float]) -> float:
    """Of a list that is not empty."""
    return sum(values) / len(values)


def ratios(figures: Figures) -> dict[str, float]:
    """Each as in docs/performance.md; higher is better but for `series_cpu`, a growth."""
    found: dict[str, float] = {}
    single, batch, miskeyed = figures.single, figures.batch, figures.miskeyed
    if single is not None:
        found["raw"] = single.events_per_s / mean(single.raw)
        if single.raw_cut is not None:
            found["raw_cut"] = single.events_per_s / single.raw_cut
        if single.stock is not None:
            found["stock"] = single.events_per_s / single.stock
        if batch is not None:
            found["batch"] = batch.events_per_s / single.events_per_s
        if figures.garbage is not None:  # records, of which half are none
            found["half_garbage"] = 2 * figures.garbage.events_per_s / single.events_per_s
        if figures.counters is not None:
            found["counters"] = figures.counters.events_per_s / single.events_per_s
    if miskeyed is not None:
        found["miskeyed"] = miskeyed.events_per_s / mean(miskeyed.raw)
    if len(figures.series) > 1:
        few, many = (
            _mean_of(figures.series[n], "cpu_s_per_million") for n in sorted(figures.series)
        )
        if few and many:
            found["series_cpu"] = many / few
    return {name: round(value, 3) for name, value in found.items()}


def document(figures: Figures, machine: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """The one object on stdout."""
    runs = _runs(figures)
    speeds: dict[str, Any] = {name: round(run.events_per_s) for name, run in runs.items()}
    speeds |= {f"{name}_raw": [round(each) for each in run.raw] for name, run in runs.items()}
    speeds |= _once(figures.single)
    if figures.archive is not None:
        speeds["archive"] = round(figures.archive)
    return {
        "ratios": ratios(figures),
        "events_per_s": speeds,
        "cpu_s_per_million_events": _each(figures, "cpu_s_per_million", 2),
        "start_up_s": _each(figures, "start_up_s", 1),
        "restart_s": _each(figures, "restart_s", 1),
        "resident_mb": _each(figures, "resident_mb", 0),
        "age_ms": figures.age_ms,
        "machine": machine,
        "settings": settings,
    }


def _once(single: Result | None) -> dict[str, int]:
    """Baselines that are measured once, beside the single scenario."""
    found = {"raw_cut": single.raw_cut, "stock": single.stock} if single is not None else {}
    return {name: round(speed) for name, speed in found.items() if speed is not None}


def _each(figures: Figures, name: str, places: int) -> dict[str, float]:
    """One figure of each run that has it, those by number of series included."""
    runs = {run: [result] for run, result in _runs(figures).items()}
    runs |= {f"{count}_series": found for count, found in figures.series.items()}
    values = {run: _mean_of(results, name) for run, results in runs.items()}
    return {run: round(value, places) for run, value in values.items() if value is not None}


def _mean_of(results: list[Result], name: str) -> float | None:
    """Mean of a figure over several runs; None when one has none."""
    values = [getattr(result, name) for result in results]
    return None if None in values else mean(values)


def _runs(figures: Figures) -> dict[str, Result]:
    runs = {
        "single": figures.single,
        "batch": figures.batch,
        "miskeyed": figures.miskeyed,
        "garbage": figures.garbage,
        "counters": figures.counters,
    }
    return {name: run for name, run in runs.items() if run is not None}


def table(found: dict[str, Any]) -> Table:
    """The document's figures, one a line."""
    grid = Table("figure", "value", box=None, pad_edge=False)
    for title, unit, places in (
        ("ratios", "×", 2),
        ("events_per_s", "/s", 0),
        ("cpu_s_per_million_events", "s", 2),
        ("start_up_s", "s", 1),
        ("restart_s", "s", 1),
        ("resident_mb", "MB", 0),
    ):
        for name, value in found[title].items():
            values = value if isinstance(value, list) else [value]
            text = ", ".join(f"{each:,.{places}f} {unit}" for each in values)
            grid.add_row(f"{title} {name}", text)
    for interval, ages in found["age_ms"].items():
        for name, value in ages.items():
            grid.add_row(f"age at {interval} emission, {name}", f"{value:,.0f} ms")
    return grid
