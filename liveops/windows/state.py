"""State of the windows of one partition, as the fold sees it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from liveops.windows.block import Block
from liveops.windows.buckets import Ints
from liveops.windows.counters import Counters
from liveops.windows.dedup_index import DedupIndex
from liveops.windows.rows import Rows
from schema.kinds import KINDS, Kind
from schema.series import OVERFLOW_SERVICE, SeriesId
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
FORGET_SERIES_S = 3600
#: A service waits for an origin it was read from within this time of the origin's own clock.
HEARD_S = 3600.0
#: The reader of an origin that says nothing for this long holds nobody up any more.
SILENT_READER_S = 30.0


@dataclass(frozen=True, slots=True)
class WindowLimits:
    """Lateness and intervals in seconds; cardinality in series and services.

    Open windows go out every `emit_interval_s`, every second when more than
    `stretch_above` series of the partition changed. Beyond the limits on series values go to
    at most `max_overflow_series` overflow series by metric, then to one a service.
    """

    lateness_s: float = 10.0
    allowed_lateness_s: float = 300.0
    emit_interval_s: float = 0.25
    stretch_above: int = 250
    max_series: int = 5000
    max_series_partition: int = 25_000
    max_services: int = 2500
    max_overflow_series: int = 100
    #: A service silent for this long may make room for another.
    forget_service_s: float = 8 * 86_400.0


#: Series numbers low ≤ n < high.
Range = tuple[int, int]


@dataclass(slots=True, eq=False)
class ServiceWindows:
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
    #: Broker time when changed windows of it were last given out.
    shown_s: float = 0.0
    #: The clock of each origin when the service was last read from it.
    heard_s: dict[int, float] = field(default_factory=dict)
    #: The newest of these ever, also of origins that are not waited for any more.
    last_heard_s: float = 0.0
    #: Series by number; None where a forgotten one was, whose number is free.
    series: list[SeriesId | None] = field(default_factory=list)
    numbers: dict[SeriesId, int] = field(default_factory=dict)
    #: Code of the kind by number (`liveops.windows.counters`), and whether there is another
    #: than gauges.
    kinds: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    has_kinds: bool = False
    counters: Counters = field(default_factory=Counters)
    free: list[int] = field(default_factory=list)
    #: Series in the count, without the overflow series, which are beside the limits.
    counted: int = 0
    overflow: set[int] = field(default_factory=set)
    #: Numbers that left the count: theirs again when they are back, until they are released.
    dormant: set[int] = field(default_factory=set)
    #: Series as records name them, by number; put together when they are given out.
    names: dict[int, SeriesName] = field(default_factory=dict)
    #: Newest minute by series number, UNSEEN_S where none is known.
    last_minute: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    #: Minutes in memory, by start; the others of `kept` are in storage only.
    minutes: dict[int, Block] = field(default_factory=dict)
    kept: set[int] = field(default_factory=set)
    #: Ranges of series a kept minute is stored in, by start.
    parts: dict[int, set[Range]] = field(default_factory=dict)
    #: Closed minutes of open larger windows, rolled up, by (size, start).
    rollups: dict[tuple[int, int], Block] = field(default_factory=dict)
    #: Series changed since larger windows were last given out, by minute start.
    unshown: dict[int, Ints] = field(default_factory=dict)
    #: Closed windows to correct, coalesced: minute start → series.
    corrections: dict[int, set[int]] = field(default_factory=dict)
    dedup: DedupIndex = field(default_factory=DedupIndex)
    #: Watermark found in storage: windows that end later close with what is stored.
    loaded_s: float = NEVER_S
    #: After a torn checkpoint: offsets by origin that a stored range of a minute holds
    #: already, narrow ranges first.
    replay_floors: dict[int, dict[Range, dict[int, int]]] = field(default_factory=dict)
    #: What the next checkpoint has to do: write at all, store series, delete minutes.
    unstored: bool = False
    unstored_series: set[int] = field(default_factory=set)
    dropped: set[int] = field(default_factory=set)

    def note_kind(self, number: int, kind: Kind) -> None:
        """What a series is, by its number."""
        code = KINDS.index(kind)
        if number >= len(self.kinds):
            grown = np.zeros(max(number + 1, 2 * len(self.kinds)), np.int64)
            grown[: len(self.kinds)] = self.kinds
            self.kinds = grown
        self.kinds[number] = code
        self.has_kinds |= code != 0

    def changed(self) -> int:
        """Series changed since the last emission, counted once a minute."""
        return sum(block.changed() for block in self.minutes.values())


#: Reads a kept minute back into a block; empty when nothing is stored.
Load = Callable[[ServiceWindows, int], Block]


@dataclass(slots=True)
class PartitionState:
    """Services of one partition; `clocks` holds T, the newest broker time, by origin.

    `home` is the partition's number: the origin of the records that were sent to it.
    """

    home: int
    load: Load
    clocks: dict[int, float] = field(default_factory=dict)
    services: dict[str, ServiceWindows] = field(default_factory=dict)
    #: Services by their number; a number whose service was forgotten is in `free`.
    by_number: list[ServiceWindows] = field(default_factory=list)
    free: list[int] = field(default_factory=list)
    #: Services forgotten since the last checkpoint, whose values are to be deleted.
    forgotten: set[str] = field(default_factory=set)
    #: No service was read last before this broker time.
    oldest_heard_s: float = NEVER_S
    #: Series in the count, overflow series, and series that have left it, of all services.
    counted: int = 0
    overflow_series: int = 0
    dormant: int = 0
    #: Records at or below this offset of an origin may have been applied before.
    replay_until: dict[int, int] = field(default_factory=dict)
    #: When each foreign origin's reader last said anything, by this worker's clock; and
    #: those that have since the last tick.
    spoke_s: dict[int, float] = field(default_factory=dict)
    spoken: set[int] = field(default_factory=set)
    #: Foreign origins whose readers are silent: nobody waits for them.
    silent: set[int] = field(default_factory=set)
    #: Broker time of the newest record forwarded to each other partition.
    forwarded_s: dict[int, float] = field(default_factory=dict)
    #: Broker time of the last emission, and of the last with the larger windows.
    emitted_s: float = 0.0
    emitted_larger_s: float = 0.0
    #: Whether too many series changed for the interval, so that the longer one is in force.
    stretched: bool = False
    #: Rows accepted but not yet in their minutes: they are added many at a time.
    buffer: list[Rows] = field(default_factory=list)
    #: Samples not counted since the last look, because their series and time were already.
    repeated: int = 0

    def service(self, name: str) -> ServiceWindows:
        """The service's state, made on first sight."""
        state = self.services.get(name)
        if state is None:
            number = self.free.pop() if self.free else len(self.by_number)
            state = self.services[name] = ServiceWindows(name, number)
            self.by_number[number : number + 1] = [state]
        return state

    @property
    def overflow_service(self) -> str:
        """Name of the service that takes the values of services beyond the limit."""
        return f"{OVERFLOW_SERVICE}{self.home}"

    def time_s(self) -> float:
        """The newest broker time of any origin."""
        return max(self.clocks.values(), default=0.0)


@dataclass(slots=True)
class Outputs:
    """What a fold gives: closed and open windows, minutes to recompute, and what it counted.

    Open windows come with their service and its watermark.
    """

    closed: list[Windows] = field(default_factory=list)
    open: list[tuple[str, float, list[Windows]]] = field(default_factory=list)
    #: Minutes with values too late for the stream: service → minute → offset by origin.
    recompute: dict[str, dict[int, dict[int, int]]] = field(default_factory=dict)
    #: The minute from which on the stream corrects by itself, of services with counters.
    horizons: dict[str, int] = field(default_factory=dict)
    folded: int = 0
    replayed: int = 0
    duplicates: int = 0
    corrected: int = 0
    too_late: int = 0
    #: What counters did: falls in closed minutes, series with many of them in one (service, key,
    #: how many), minutes of which too many samples came.
    resets: int = 0
    many_resets: list[tuple[str, str, int]] = field(default_factory=list)
    crowded: int = 0
    #: Metrics of another kind than their series: origin, offset, number in the decoder's table.
    refused: dict[tuple[int, int, int], str] = field(default_factory=dict)
    #: Values in overflow series, and in the overflow service.
    overflowed: int = 0
    overflowed_services: int = 0
    silent_readers: int = 0
