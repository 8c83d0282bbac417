"""Windows of a span of 15 minutes again, from the archived values. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import structlog
from msgspec import structs

from liveops.postgres.backfill import RawSpan, StoredSpan, StoredWindow
from liveops.windows.block import Block
from liveops.windows.points import aggregates
from liveops.windows.state import (
    LARGEST_S,
    MINUTE_S,
    SIZES,
    ServiceWindows,
)
from schema.metrics import Aggregate
from schema.series import OVERFLOW_METRIC, OVERFLOW_TAGS, SeriesId

log = structlog.get_logger(__name__)
#: Sums of the same values in another order differ by less than this.
_SAME = 1e-9


def spans(minutes: Iterable[int]) -> dict[int, set[int]]:
    """Dirty minutes by the start of the largest window they lie in."""
    found: dict[int, set[int]] = {}
    for minute in minutes:
        found.setdefault(minute // LARGEST_S * LARGEST_S, set()).add(minute)
    return found


def recompute(
    service: str, minutes: set[int], values: RawSpan, stored: StoredSpan
) -> list[Aggregate]:
    """New revisions of the windows around dirty minutes of one span that have changed."""
    changed: list[Aggregate] = []
    for name, size in SIZES:
        for start in sorted({minute // size * size for minute in minutes}):
            changed += _window(service, (name, size, start), values, stored)
    return changed


def _window(
    service: str, window: tuple[str, int, int], values: RawSpan, stored: StoredSpan
) -> list[Aggregate]:
    name, size, start = window
    state = ServiceWindows(service, 0)
    block = Block()
    for series, by_minute in sorted(values.items()):
        found = [by_minute[m] for m in range(start, start + size, MINUTE_S) if m in by_minute]
        if not found:
            continue
        number = _number(state, _counted_as(series, name, start, stored))
        numbers = np.concatenate(found)
        rows = np.full(len(numbers), number, np.int64)
        block.add(rows, numbers, np.zeros(len(numbers)))
    if not state.series:
        return []
    changed: list[Aggregate] = []
    for recomputed in aggregates(state, block, window, block.series(), elapsed_s=size):
        known = stored.get((name, start, recomputed.series))
        if known is None:
            changed.append(structs.replace(recomputed, backfill=True))
        elif _differs(recomputed, known):
            changed.append(structs.replace(recomputed, backfill=True, revision=known.revision + 1))
    return changed


def _number(state: ServiceWindows, series: SeriesId) -> int:
    number = state.numbers.get(series)
    if number is None:
        number = state.numbers[series] = len(state.series)
        state.series.append(series)
    return number


def _counted_as(series: SeriesId, name: str, start: int, stored: StoredSpan) -> SeriesId:
    """The series itself, or the overflow series the window was counted in."""
    for found in (
        series,
        SeriesId(series.service_name, series.metric_type, OVERFLOW_TAGS),
        SeriesId(series.service_name, OVERFLOW_METRIC, OVERFLOW_TAGS),
    ):
        if (name, start, found.key) in stored:
            return found
    return series


def _differs(recomputed: Aggregate, known: StoredWindow) -> bool:
    """Whether late values have changed a window. The archive never makes it smaller."""
    if recomputed.count < known.count:
        log.warning(
            "the archive has fewer values than a window, which stays",
            series=recomputed.series,
            window=recomputed.window,
            archived=recomputed.count,
            counted=known.count,
        )
        return False
    scale = recomputed.count * max(abs(recomputed.min), abs(recomputed.max))
    return (recomputed.count, recomputed.min, recomputed.max) != (
        known.count,
        known.min,
        known.max,
    ) or not (math.isclose(recomputed.sum, known.sum, rel_tol=_SAME, abs_tol=_SAME * scale))
