"""metrics.raw → windows. Records are decoded and folded at once, stored at checkpoints.

Reads `metrics.raw` and `liveops.raw.keyed`. A record whose service belongs to another
partition is forwarded once; the checkpoint (agents/checkpoint.py) acknowledges.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import structlog
from faust import Stream
from faust.types.events import EventT

from agents.deadletter import bury
from agents.decode import Fault, Place, decode_record
from agents.live import LiveFeed
from agents.partition_windows import PartitionWindows, Record
from liveops.errors import Unavailable
from liveops.kafka.partitioning import partition_of
from liveops.kafka.producer import Producer
from liveops.metrics import FORWARDED, TOMBSTONES
from liveops.windows.fold import Limits
from schema.topics import RAW, RAW_KEYED
from tables.checkpointed import CheckpointedTable
from tables.windows import decode_service, split_key

log = structlog.get_logger(__name__)
#: Header of forwarded records: "partition/offset/append time" in metrics.raw.
ORIGIN = "origin"
EXIT_LOST_STATE = 70


@dataclass(slots=True)
class OwnedPartition:
    """A partition this worker owns: its windows and the records not yet acknowledged."""

    windows: PartitionWindows
    unacknowledged: list[EventT[Any]] = field(default_factory=list)


class WindowAgent:
    """Owns the windows of the partitions assigned to this worker."""

    def __init__(
        self,
        table: CheckpointedTable,
        producer: Producer,
        live: LiveFeed,
        limits: Limits,
        *,
        partitions: int,
        max_age_s: float,
    ) -> None:
        self.table = table
        self.owned: dict[int, OwnedPartition] = {}
        self._producer = producer
        self._live = live
        self._limits = limits
        self._partitions = partitions
        self._max_age_s = max_age_s

    async def run(self, stream: Stream[bytes]) -> None:
        """Read records for as long as the worker lives."""
        async for event in stream.noack().events():
            try:
                await self.take(event)
            except Exception:
                # Faust would acknowledge the record and go on without it.
                log.exception("a record could not be folded; stopping, so that none is lost")
                os._exit(EXIT_LOST_STATE)

    async def take(self, event: EventT[Any]) -> None:
        """Fold, forward or bury one record."""
        message = event.message
        place, keyed_offset = _place(message)
        record = Record(place, decode_record(message.value, place, self._max_age_s), keyed_offset)
        owned = self.partition(message.partition)
        owned.windows.observe(place.append_s)
        if record.decoded.tombstone:
            TOMBSTONES.inc()
        for fault in record.decoded.faults if keyed_offset is None else ():
            await self._bury(fault, place, message.value)
        if record.decoded.metrics:
            await self._place_metrics(record, owned, message)
        owned.unacknowledged.append(event)

    async def _place_metrics(self, record: Record, owned: OwnedPartition, message: Any) -> None:
        home = partition_of(record.decoded.metrics[0].service_name, self._partitions)
        if home == message.partition:
            counted = owned.windows.take([record])
            if record.keyed_offset is None:
                self._live.add(counted)
        elif record.keyed_offset is None:
            await self._forward(record, home, message.value)
            self._live.add(record.decoded.metrics)
        else:
            fault = Fault("misrouted", None, "forwarded once and on the wrong partition again")
            await self._bury(fault, record.place, message.value)

    async def _forward(self, record: Record, home: int, value: bytes) -> None:
        place = record.place
        origin = f"{place.partition}/{place.offset}/{place.append_s!r}".encode()
        service = record.decoded.metrics[0].service_name
        await _until_sent(
            lambda: self._producer.send(
                RAW_KEYED, service, value, partition=home, headers=[(ORIGIN, origin)]
            )
        )
        FORWARDED.inc()

    async def _bury(self, fault: Fault, place: Place, value: bytes | None) -> None:
        await _until_sent(lambda: bury(self._producer, fault, place, value))

    def partition(self, number: int) -> OwnedPartition:
        """The owned partition, made on first sight."""
        owned = self.owned.get(number)
        if owned is None:
            owned = self.owned[number] = OwnedPartition(PartitionWindows(self._limits))
        return owned

    def load(self, assigned: set[int]) -> None:
        """Rebuild memory from the recovered table; nothing older survives."""
        headers: dict[str, bytes] = {}
        minutes: dict[str, dict[int, bytes]] = {}
        for key, value in self.table.data.items():
            service, start = split_key(key)
            if partition_of(service, self._partitions) not in assigned:
                continue
            if start is None:
                headers[service] = value
            else:
                minutes.setdefault(service, {})[start] = value
        self.owned = {}
        for service, header in headers.items():
            windows = self.partition(partition_of(service, self._partitions)).windows
            state, time_s, pending = decode_service(service, header, minutes.get(service, {}))
            windows.services[service] = state
            windows.pending[service] = pending
            windows.time_s = max(windows.time_s, time_s)
        log.info("window state recovered", services=len(headers), partitions=len(assigned))


def _place(message: Any) -> tuple[Place, int | None]:
    """The record's place in metrics.raw and, when forwarded, its keyed offset."""
    if message.topic == RAW:
        return Place(RAW, message.partition, message.offset, message.timestamp), None
    origin = dict(message.headers or {}).get(ORIGIN, b"").decode("ascii", "replace").split("/")
    try:
        place = Place(RAW, int(origin[0]), int(origin[1]), float(origin[2]))
    except (ValueError, IndexError):
        place = Place(RAW_KEYED, message.partition, message.offset, message.timestamp)
    return place, message.offset


async def _until_sent(send: Callable[[], Awaitable[object]]) -> None:
    """Send, again and again while the broker is away: the record waits, nothing is lost."""
    pause_s = 0.1
    while True:
        try:
            await send()
            return
        except Unavailable:
            await asyncio.sleep(pause_s)
            pause_s = min(2.0, pause_s * 2)
