"""From summaries to public windows. Pure."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from liveops.windows.block import Block
from liveops.windows.buckets import Floats, Ints, histograms, packs
from liveops.windows.state import ServiceWindows
from schema.metrics import Aggregate
from schema.windows import Growth, SeriesName, Windows, name_series, read_window, write_windows


def windows(
    service: ServiceWindows,
    block: Block,
    window: tuple[str, int, int],
    series: Ints,
    elapsed_s: float,
    *,
    revision: int = 0,
    final: bool = True,
    sketches: bool = True,
    grown: Floats | None = None,
) -> Windows:
    """Windows of some series of a block, each of which must have values.

    `window` is name, size in seconds and start; `elapsed_s` divides the rate. Closed
    windows carry a histogram, open ones the same buckets packed unless told otherwise.
    `grown` is what each series grew by, NaN where it is no counter or delta.
    """
    name, size, start = window
    names = _names(service, series.tolist())
    if None in names:  # forgotten meanwhile
        is_known = np.array([known is not None for known in names])
        series, grown = series[is_known], None if grown is None else grown[is_known]
    nothing: list[Any] = [{}] * len(series)
    no_text = [""] * len(series)
    plain = histograms(*block.buckets(), series) if final else nothing
    packed = packs(*block.buckets(), series) if sketches and not final else no_text
    seconds = max(1.0, min(elapsed_s, size))
    figures, broker_times_s = block.points(series, seconds)
    known = [item for item in names if item is not None]
    return Windows(
        service.name, name, start, start + size, final, revision,
        known, figures, broker_times_s, plain, packed,
        None if grown is None else _growth(grown, seconds),
    )  # fmt: skip


def aggregates(
    service: ServiceWindows, block: Block, window: tuple[str, int, int], series: Ints, *,
    elapsed_s: float, final: bool = True, grown: Floats | None = None,
) -> list[Aggregate]:  # fmt: skip
    """The same, one by one."""
    found = windows(service, block, window, series, elapsed_s, final=final, grown=grown)
    return [read_window(record) for record in write_windows(found)]


def _growth(grown: Floats, seconds: float) -> list[Growth | None]:
    """Increase and rate of each series, None where there is none."""
    most = sys.float_info.max
    finite = np.clip(grown, -most, most)
    rates = (finite / seconds).tolist()
    return [
        None if increase != increase else (increase, rate)
        for increase, rate in zip(finite.tolist(), rates, strict=True)
    ]


def _names(service: ServiceWindows, numbers: list[int]) -> list[SeriesName | None]:
    """How these series are named; each is put together once."""
    try:
        return [service.names[number] for number in numbers]
    except KeyError:
        for number in numbers:
            identity = service.series[number]
            if identity is not None and number not in service.names:
                service.names[number] = name_series(identity)
        return [service.names.get(number) for number in numbers]
