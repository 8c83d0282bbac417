"""The services that the detectors of this worker watch, and what of them is not stored yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec
import structlog

from liveops.detection.learned import Learned
from liveops.detection.no_data import live_count, reached_s, silent_s
from liveops.detection.report import Outcome
from liveops.detection.rule_bank import Seen
from liveops.detection.state import Presence, ServiceDetectors, new_service
from liveops.kafka.partitioning import partition_of
from schema.incidents import Mark
from schema.times import format_time
from tables.detectors import decode_service, key_of, owner_of

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Watched:
    """A service this worker watches, and what of it is not stored yet."""

    state: ServiceDetectors
    offsets: dict[str, int] = field(default_factory=dict)
    unsaved: set[str] = field(default_factory=set)
    presence_unsaved: bool = False


class WatchedServices:
    """All services of the assigned partitions, and what rules have learned of them."""

    def __init__(self, partitions: int) -> None:
        self.by_name: dict[str, Watched] = {}
        self.learned = Learned()
        #: Keys to delete from the table, before anything else is written.
        self.gone_keys: list[bytes] = []
        #: Services that were dropped, and not yet let go of by others.
        self.dropped: set[str] = set()
        #: Services with an alarm that changed since it was shown.
        self.urgent: set[str] = set()
        self._partitions = partitions
        self._series_count: Counter[int] = Counter()

    def get(self, service: str) -> Watched:
        """A service, new if it was never seen."""
        watched = self.by_name.get(service)
        if watched is None:
            watched = self.by_name[service] = Watched(new_service(service))
        return watched

    def states(self) -> list[ServiceDetectors]:
        """What is remembered of each service now; they go on changing."""
        return [watched.state for watched in self.by_name.values()]

    def closed_s(self, seen: Seen) -> float:
        """Start of the newest closed window of a series that was judged, −1 without any."""
        watched = self.by_name.get(seen.service)
        series = watched.state.series.get(seen.window.series) if watched else None
        return -1.0 if series is None else series.closed_s.get(seen.window.window, -1)

    def note(self, watched: Watched, outcome: Outcome) -> None:
        """Remember what is to be stored, and deleted."""
        service = watched.state.service
        if outcome.detections:
            self.urgent.add(service)
        self._count(service, outcome.created - len(outcome.forgotten))
        self.learned.forget(service, outcome.forgotten)
        self.gone_keys += [key_of(service, key) for key in outcome.forgotten]
        watched.unsaved -= outcome.forgotten
        watched.unsaved |= outcome.changed
        watched.presence_unsaved |= outcome.presence_changed or bool(outcome.changed)

    def drop(self, service: str) -> None:
        """Forget a service with what is stored of it."""
        watched = self.by_name.pop(service)
        self.dropped.add(service)
        self.urgent.discard(service)
        self.learned.forget_service(service)
        self.gone_keys += [key_of(service), *(key_of(service, key) for key in watched.unsaved)]

    def here(self, partition: int) -> list[ServiceDetectors]:
        """The services of a partition."""
        return [state for state in self.states() if self.partition(state.service) == partition]

    def partition(self, service: str) -> int:
        """Where a service's windows lie."""
        return partition_of(service, self._partitions)

    def excess(self, partition: int, limit: int) -> int:
        """How many series a partition has too many."""
        if self._series_count[partition] <= limit:
            return 0
        known = sum(len(state.series) for state in self.here(partition))
        self._series_count[partition] = known  # it was counted across a rebalance
        return max(0, known - limit)

    def marks(self, owned: Iterable[int], now_s: float | None) -> list[Mark]:
        """How far each partition was judged, and who is heard; `now_s` when all of it was read."""
        here: dict[int, list[Presence]] = {number: [] for number in sorted(owned)}
        for name, watched in self.by_name.items():
            number = self.partition(name)
            if number in here:
                here[number].append(watched.state.presence)
        found = []
        for number, presences in here.items():
            time_s = reached_s(presences, now_s)
            if time_s is not None:
                silent = 0.0 if now_s is None else silent_s(presences, now_s)
                found.append(Mark(number, format_time(time_s), live_count(presences), silent))
        return found

    def load(self, table: Mapping[bytes, bytes], assigned: set[int]) -> None:
        """Rebuild memory from the recovered table; nothing older survives."""
        self.clear()
        values: dict[str, list[tuple[bytes, bytes]]] = {}
        for key, value in table.items():
            service = owner_of(key)
            if self.partition(service) in assigned:
                values.setdefault(service, []).append((key, value))
        for service, stored in values.items():
            try:
                watched = self.by_name[service] = Watched(*decode_service(service, stored))
            except msgspec.MsgspecError as error:
                log.warning("detector state is foreign, learning anew", error=str(error))
            else:
                self._count(service, len(watched.state.series))
        log.info("detector state recovered", services=len(self.by_name))

    def clear(self) -> None:
        """Partitions are revoked: nothing is watched."""
        for service in self.by_name:
            self.learned.forget_service(service)
        self.by_name.clear()
        self.urgent.clear()
        self.dropped.clear()
        self.gone_keys.clear()
        self._series_count.clear()

    def _count(self, service: str, change: int) -> None:
        self._series_count[self.partition(service)] += change
