"""`liveops bench pipeline`: the scenarios of the stream engine, one after the other."""

from __future__ import annotations

import logging
import os
import platform
import time
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from liveops.bench import age, archive, fill, throughput
from liveops.bench.baselines import STOCK_METRICS
from liveops.bench.plan import Plan, Scenario
from liveops.bench.records import Load, Shape, span
from liveops.bench.report import Figures, document
from liveops.bench.stack import Say, sweep
from liveops.bench.throughput import Result
from liveops.errors import StartError
from liveops.settings import Settings

PER_BATCH = 100
ARCHIVE_EVENTS = 1_200_000
SHAPE = Shape()
FEW_SERIES = Shape(50, 2)
MANY_SERIES = Shape(50, 200)


async def run(plan: Plan, say: Say) -> dict[str, Any]:
    """Run the plan's scenarios and return the document of `--json`.

    Raises GateError when a run was not right; then there is no figure.
    """
    # Topics just made have no leader for a moment; the clients say so and try again.
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    await sweep(plan.place, say)
    figures = Figures()
    if Scenario.single in plan.scenarios:
        say("single: one metric a record")
        figures.single = await throughput.measure(plan, _load(plan), say, with_others=True)
    if Scenario.batch in plan.scenarios:
        say(f"batch: {PER_BATCH} metrics a record")
        load = _load(plan, per_record=PER_BATCH)
        figures.batch = await throughput.measure(plan, load, say)
    if Scenario.miskeyed in plan.scenarios:
        say("miskeyed: every record on a wrong partition")
        load = _load(plan, misplaced=True)
        figures.miskeyed = await throughput.measure(plan, load, say)
    if Scenario.garbage in plan.scenarios:
        say("garbage: after each metric a record that is none")
        load = replace(_load(plan), garbage=True)
        figures.garbage = await throughput.measure(plan, load, say, with_raw=False)
    if Scenario.counters in plan.scenarios:
        say("counters: every metric is one")
        load = replace(_load(plan), counters=True)
        figures.counters = await throughput.measure(plan, load, say, with_raw=False)
    if Scenario.series in plan.scenarios:
        figures.series = await _series(plan, say)
    if Scenario.age in plan.scenarios:
        figures.age_ms = await age.measure(plan, say)
    if Scenario.archive in plan.scenarios:
        say("archive: raw rows into PostgreSQL")
        load = replace(_load(plan), events=min(plan.events, ARCHIVE_EVENTS))
        figures.archive = await archive.measure(plan, load, say)
    return document(figures, _machine(), _settings(plan))


def _load(
    plan: Plan, shape: Shape = SHAPE, *, per_record: int = 1, misplaced: bool = False
) -> Load:
    start_s, end_s = span(time.time())
    events = -(-plan.events // PER_BATCH) * PER_BATCH
    return Load(events, start_s, end_s, shape, per_record, misplaced)


async def _series(plan: Plan, say: Say) -> dict[int, list[Result]]:
    """The same events with few series, with many, and with few again."""
    found: dict[int, list[Result]] = {}
    for shape in (FEW_SERIES, MANY_SERIES, FEW_SERIES):
        say(f"series: {shape.series} series")
        result = await throughput.measure(plan, _load(plan, shape), say, with_raw=False)
        if result.cpu_s_per_million is None:
            raise StartError("CPU time is read from /proc, which is not here: leave out `series`")
        found.setdefault(shape.series, []).append(result)
        say(f"{result.cpu_s_per_million:.2f} CPU seconds a million events")
    return found


def _machine() -> dict[str, Any]:
    return {
        "cpus": os.cpu_count(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "faust": version("faust-streaming"),
        "aiokafka": version("aiokafka"),
    }


def _settings(plan: Plan) -> dict[str, Any]:
    start_s, end_s = span(time.time())
    return {
        "events": _load(plan).events,
        "event_time_s": end_s - start_s,
        "services": SHAPE.services,
        "metrics": SHAPE.metrics,
        "batch": PER_BATCH,
        "series": [FEW_SERIES.series, MANY_SERIES.series],
        "partitions": Settings.model_fields["partitions"].default,
        "compression": fill.COMPRESSION,
        "stock_events": min(plan.events, STOCK_METRICS),
        "live_events_per_s": plan.rate,
        "live_s": plan.seconds,
    }
