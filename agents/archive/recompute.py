"""Windows of a span of 15 minutes again, from the archived values. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import structlog
from msgspec import structs

from liveops.postgres.backfill import RawSpan, StoredSpan, StoredWindow
from liveops.windows.block import TOTAL, Block
from liveops.windows.buckets import Floats, Ints
from liveops.windows.counters import DELTA
from liveops.windows.points import aggregates
from liveops.windows.sample_list import SampleList, grown_within
from liveops.windows.sent_histograms import summaries
from liveops.windows.state import (
    LARGEST_S,
    MINUTE_S,
    SIZES,
    ServiceWindows,
)
from schema.kinds import Histogram, Kind
from schema.metrics import Aggregate
from schema.series import OVERFLOW_METRIC, OVERFLOW_TAGS, SeriesId

log = structlog.get_logger(__name__)
#: Sums of the same values in another order differ by less than this.
_SAME = 1e-9
Samples = dict[SeriesId, SampleList]


def spans(minutes: Iterable[int]) -> dict[int, set[int]]:
    """Dirty minutes by the start of the largest window they lie in."""
    found: dict[int, set[int]] = {}
    for minute in minutes:
        found.setdefault(minute // LARGEST_S * LARGEST_S, set()).add(minute)
    return found


def recompute(
    service: str, minutes: set[int], values: RawSpan, stored: StoredSpan,
    samples: Samples | None = None,
) -> list[Aggregate]:  # fmt: skip
    """New revisions of the windows around dirty minutes of one span that have changed.

    `samples` are those of counters, of the span and the hour before it.
    """
    changed: list[Aggregate] = []
    for name, size in SIZES:
        for start in sorted({minute // size * size for minute in minutes}):
            changed += _window(service, (name, size, start), values, stored, samples or {})
    return changed


def _window(
    service: str, window: tuple[str, int, int], values: RawSpan, stored: StoredSpan,
    samples: Samples,
) -> list[Aggregate]:  # fmt: skip
    name, size, start = window
    state = ServiceWindows(service, 0)
    block, kinds = Block(), dict[str, Kind]()
    for series, by_minute in sorted(values.items()):
        found = [by_minute[m] for m in range(start, start + size, MINUTE_S) if m in by_minute]
        if not found:
            continue
        counted_as = _counted_as(series, name, start, stored)
        if (
            counted_as is None
            or kinds.setdefault(counted_as.key, counted_as.kind) != counted_as.kind
        ):
            continue
        number = _number(state, counted_as)
        for each in found:
            _add(block, number, each)
    if not state.series:
        return []
    changed: list[Aggregate] = []
    series_now = block.series()
    grown = _grown(state, block, series_now, (start, start + size), samples)
    for recomputed in aggregates(state, block, window, series_now, elapsed_s=size, grown=grown):
        known = stored.get((name, start, recomputed.series))
        if known is None:
            changed.append(structs.replace(recomputed, backfill=True))
        elif _differs(recomputed, known):
            changed.append(structs.replace(recomputed, backfill=True, revision=known.revision + 1))
    return changed


def _add(block: Block, number: int, found: Floats | list[Histogram]) -> None:
    """Add the values of a minute, or its histograms."""
    rows = np.full(len(found), number, np.int64)
    if isinstance(found, list):
        for part in summaries(rows, np.zeros(len(found)), dict(enumerate(found))):
            block.take(*part)
    else:
        block.add(rows, found, np.zeros(len(found)))


def _grown(
    state: ServiceWindows, block: Block, numbers: Ints, span: tuple[int, int], samples: Samples
) -> Floats | None:
    """What each series grew by within a span, NaN where it is no counter or delta."""
    if not state.has_kinds:
        return None
    grown = np.full(len(numbers), np.nan)
    for at, number in enumerate(numbers.tolist()):
        series = state.series[number]
        if state.kinds[number] == DELTA:
            grown[at] = block.columns(numbers[at : at + 1])[TOTAL, 0]
        elif series in samples:
            grown[at] = grown_within(samples[series], *span)
    return grown


def _number(state: ServiceWindows, series: SeriesId) -> int:
    number = state.numbers.get(series)
    if number is None:
        number = state.numbers[series] = len(state.series)
        state.series.append(series)
        state.note_kind(number, series.kind)
    return number


def _counted_as(series: SeriesId, name: str, start: int, stored: StoredSpan) -> SeriesId | None:
    """The series itself, or the overflow series the window was counted in.

    None where the series was of another kind then: these values were refused.
    """
    known = stored.get((name, start, series.key))
    if known is not None and known.kind != series.kind:
        return None
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
    if not _is_same(recomputed.increase or 0.0, known.increase or 0.0, scale):
        return True
    return (recomputed.count, recomputed.min, recomputed.max) != (
        known.count,
        known.min,
        known.max,
    ) or not _is_same(recomputed.sum, known.sum, scale)


def _is_same(one: float, other: float, scale: float) -> bool:
    return math.isclose(one, other, rel_tol=_SAME, abs_tol=_SAME * scale)
