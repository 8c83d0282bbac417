"""State of the windows of one partition, as the fold sees it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from liveops.windows.block import Block
from liveops.windows.buckets import Floats, Ints
from liveops.windows.seen import SeenIds
from schema.windows import SeriesName, Windows

MINUTE_S = 60
#: Public window names with their sizes in seconds, finest first.
SIZES: tuple[tuple[str, int], ...] = (("1m", 60), ("5m", 300), ("15m", 900))
LARGEST_S = 900
NEVER_S = float("-inf")
UNSEEN_S = int(np.iinfo(np.int64).min)
#: How long ids given by clients are remembered.
REMEMBER_IDS_S = 900.0
#: A series unseen for this long leaves the count of the cardinality limits.
FORGET_SERIES_S = 3600.0


class SeriesId(NamedTuple):
    """A series within its service; tags as sorted pairs."""

    metric_type: str
    tags: tuple[tuple[str, str], ...]


#: Where values go when there are more series than there may be.
OVERFLOW_TAGS = (("liveops_overflow", "true"),)


@dataclass(frozen=True, slots=True)
class Limits:
    """Lateness and intervals in seconds; cardinality in series.

    Open windows go out every `emit_interval_s`, every second when more than
    `stretch_above` series of the partition changed.
    """

    lateness_s: float = 10.0
    allowed_lateness_s: float = 300.0
    emit_interval_s: float = 0.25
    stretch_above: int = 250
    max_series: int = 5000
    max_series_partition: int = 25_000


#: Series numbers low ≤ n < high.
Range = tuple[int, int]


@dataclass(slots=True)
class ServiceState:
    """Windows of one service.

    `event_max_s` (E) is the greatest event time, `event_append_s` (A) that record's
    broker time, `watermark_s` (W) the time before which everything is closed.
    """

    name: str
    number: int
    event_max_s: float = NEVER_S
    event_append_s: float = 0.0
    watermark_s: float = NEVER_S
    #: Last applied offset by origin: the partition of `metrics.raw` a record was sent to.
    offsets: dict[int, int] = field(default_factory=dict)
    #: Series by number; None where a forgotten one was. A number is reused after an hour.
    series: list[SeriesId | None] = field(default_factory=list)
    numbers: dict[SeriesId, int] = field(default_factory=dict)
    free: list[int] = field(default_factory=list)
    #: Series as records name them, by number; put together when they are given out.
    names: dict[int, SeriesName] = field(default_factory=dict)
    #: Newest minute by series number, UNSEEN_S where none is known.
    last_minute: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    #: Minutes in memory, by start; the others of `kept` are in storage only.
    minutes: dict[int, Block] = field(default_factory=dict)
    kept: set[int] = field(default_factory=set)
    #: Ranges of series a kept minute is stored in, by start.
    parts: dict[int, set[Range]] = field(default_factory=dict)
    #: Closed minutes of open larger windows, merged, by (size, start).
    bases: dict[tuple[int, int], Block] = field(default_factory=dict)
    #: Series changed since larger windows were last given out, by minute start.
    unshown: dict[int, Ints] = field(default_factory=dict)
    #: Closed windows to correct, coalesced: minute start → series.
    corrections: dict[int, set[int]] = field(default_factory=dict)
    seen: SeenIds = field(default_factory=SeenIds)
    #: Watermark found in storage: windows that end later close with what is stored.
    loaded_s: float = NEVER_S
    #: After a torn checkpoint: offsets by origin that a stored range of a minute holds
    #: already, narrow ranges first.
    floors: dict[int, dict[Range, dict[int, int]]] = field(default_factory=dict)
    #: What the next checkpoint has to do: write at all, store series, delete minutes.
    dirty: bool = False
    new_series: set[int] = field(default_factory=set)
    dropped: set[int] = field(default_factory=set)

    def changed(self) -> int:
        """Series changed since the last emission, counted once a minute."""
        return sum(block.changed() for block in self.minutes.values())


#: Bits of a series number within its service.
SERIES_BITS = 24


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Metrics of one partition in log order, as columns of one length.

    `series` is the service's number above `SERIES_BITS` of the series' number;
    `offsets` and `origins` say where the record lies in `metrics.raw`; times are in
    epoch seconds. `ids` holds the ids given by clients, by position.
    """

    series: Ints
    values: Floats
    times_s: Floats
    append_s: Floats
    offsets: Ints
    origins: Ints
    ids: dict[int, bytes] = field(default_factory=dict)

    def only(self, rows: npt.NDArray[Any]) -> Arrivals:
        """Some rows, by mask or position, without ids."""
        return Arrivals(
            self.series[rows],
            self.values[rows],
            self.times_s[rows],
            self.append_s[rows],
            self.offsets[rows],
            self.origins[rows],
        )


#: Reads a kept minute back into a block; empty when nothing is stored.
Load = Callable[[ServiceState, int], Block]


@dataclass(slots=True)
class PartitionState:
    """Services of one partition; `clocks` holds T, the newest broker time, by origin.

    `home` is the partition's number: the origin of the records that were sent to it.
    """

    home: int
    load: Load
    clocks: dict[int, float] = field(default_factory=dict)
    services: dict[str, ServiceState] = field(default_factory=dict)
    by_number: list[ServiceState] = field(default_factory=list)
    series_count: int = 0
    #: Records at or below this offset of an origin may have been applied before.
    replay_until: dict[int, int] = field(default_factory=dict)
    #: Rises when series were forgotten: numbers looked up before may be wrong.
    generation: int = 0
    #: Broker time of the last emission, and of the last with the larger windows.
    emitted_s: float = 0.0
    emitted_larger_s: float = 0.0
    #: Whether too many series changed for the interval, so that the longer one is in force.
    stretched: bool = False
    #: Rows accepted but not yet in their minutes: they are added many at a time.
    staged: list[Arrivals] = field(default_factory=list)

    def service(self, name: str) -> ServiceState:
        """The service's state, made on first sight."""
        state = self.services.get(name)
        if state is None:
            state = self.services[name] = ServiceState(name, len(self.by_number))
            self.by_number.append(state)
        return state

    def time_s(self) -> float:
        """The newest broker time of any origin."""
        return max(self.clocks.values(), default=0.0)


@dataclass(slots=True)
class Outputs:
    """What a fold gives: closed and open windows, dirty minutes, and what it counted.

    Open windows come with their service and its watermark.
    """

    closed: list[Windows] = field(default_factory=list)
    open: list[tuple[str, float, list[Windows]]] = field(default_factory=list)
    #: Minutes with values too late for the stream: service → minute → offset by origin.
    dirty: dict[str, dict[int, dict[int, int]]] = field(default_factory=dict)
    folded: int = 0
    replayed: int = 0
    duplicates: int = 0
    corrected: int = 0
    too_late: int = 0
    overflowed: int = 0
