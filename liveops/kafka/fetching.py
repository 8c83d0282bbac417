"""Parts of aiokafka done otherwise: short waits at the broker, records unpacked many at a
time, and a group membership that knows until when it surely holds.

aiokafka makes a `ConsumerRecord` of each record and hands them on through two generators,
more than a microsecond each. Here an agent gets the records of a batch as they are. Depends
on private parts of aiokafka 0.14.0, `fetcher.PartitionRecords`, `FetchResult` and the
consumer's `_fetch_max_wait_ms`, `_fetch_min_bytes`, `_coordinator` and `GroupCoordinator`, and of
Faust's thread, `_create_worker_consumer`.
"""

from __future__ import annotations

import math
import os
import time
from array import array
from dataclasses import dataclass
from typing import Any, ClassVar

import structlog
from aiokafka.consumer import consumer as consumer_module
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch
from faust.transport.drivers import aiokafka as driver

from liveops.kafka.chunks import Fetched
from liveops.runtime.exit_codes import LOST_STATE

log = structlog.get_logger(__name__)
#: Type of the times of a batch that the broker has stamped, all of it at once.
_LOG_APPEND_TIME = 1


@dataclass(frozen=True, slots=True)
class FetchWait:
    """How long a fetch may wait at the broker for how much.

    While it waits for topics that have nothing, no other of the same broker's is fetched; Faust
    has 1.5 s.
    """

    longest_ms: int = 100
    for_bytes: int = 1


class Coordinator(consumer_module.GroupCoordinator):  # type: ignore[misc] # no types
    """Membership of a group that notes since when the broker surely counts on us."""

    #: When the last heartbeat that was answered left, on the monotonic clock.
    lease_from_s = -math.inf

    async def _do_heartbeat(self) -> bool:
        sent_s = time.monotonic()
        answered: bool = await super()._do_heartbeat()
        if answered:
            self.lease_from_s = sent_s
        return answered

    def reset_generation(self) -> None:
        """The group knows us no more; without a lease others have had our partitions.

        Nothing of what is in memory may then be written, and a rebalance would wait for it.
        """
        if self.lease_from_s > -math.inf and not self.holds_lease():
            self.on_expelled()
        super().reset_generation()

    @staticmethod
    def on_expelled() -> None:
        """End the process; whoever supervises it starts it anew from what is stored."""
        log.error("the group has gone on without this worker; ending, so that nothing old follows")
        os._exit(LOST_STATE)

    def holds_lease(self) -> bool:
        """Whether no other member can have been given our partitions yet."""
        session_s: float = self._session_timeout_ms / 1000
        return time.monotonic() - self.lease_from_s < session_s


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread, which waits at the broker as its app says (`fetch_wait`)."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer: Any = super()._create_worker_consumer(transport)
        wait: FetchWait = getattr(transport.app, "fetch_wait", FetchWait())
        consumer._fetch_max_wait_ms = wait.longest_ms  # noqa: SLF001 - Faust offers no setting
        consumer._fetch_min_bytes = wait.for_bytes  # noqa: SLF001 - Faust offers no setting
        return consumer

    def holds_lease(self) -> bool:
        """Whether our session with the group cannot have run out."""
        consumer: Any = self._consumer
        coordinator = getattr(consumer, "_coordinator", None)
        return isinstance(coordinator, Coordinator) and coordinator.holds_lease()


class PlainRecords(fetcher.PartitionRecords):  # type: ignore[misc] # aiokafka has no types
    """The records of one fetch of a partition, for batched topics taken as lists."""

    next_fetch_offset: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: What is unpacked and not yet taken; the offset after the batch it is from.
        self._unpacked = Fetched()
        self._batch_end = self.next_fetch_offset

    def take(self, most: int | None) -> Fetched:
        """The next records, `most` at most; fewer only at the end of the fetch."""
        taken = Fetched()
        while (most is None or len(taken) < most) and (self._unpacked or self._unpack()):
            left = len(self._unpacked) if most is None else most - len(taken)
            self._unpacked.move(left, taken)
            whole = not self._unpacked
            self.next_fetch_offset = self._batch_end if whole else self._unpacked[0].offset
        return taken

    @property
    def done(self) -> bool:
        """Whether all has been taken."""
        return not self._unpacked and not self._records.has_next()

    def _unpack(self) -> bool:
        """Unpack the next batch that holds records; False when there is none."""
        while self._records.has_next():
            batch = self._records.next_batch()
            if self._check_crcs and not batch.validate_crc():
                raise CorruptRecordException(f"Invalid CRC - {self._tp}")
            found = _records_of(batch).since(self.next_fetch_offset)  # compressed together
            self._batch_end = batch.next_offset
            if found:
                self._unpacked = found
                return True
            self.next_fetch_offset = self._batch_end
        return False


def _records_of(batch: Any) -> Fetched:
    found = Fetched()
    if not batch.is_control_batch:
        found.extend(batch)
    current = isinstance(batch, DefaultRecordBatch)  # not of the formats before Kafka 0.11
    found.compressed = not current or bool(batch.compression_type)
    if current and batch.timestamp_type == _LOG_APPEND_TIME:
        found.append_ms = array("q", [batch.max_timestamp]) * len(found)
    else:
        found.append_ms.extend(record.timestamp for record in found)
    return found


class PlainResult(fetcher.FetchResult):  # type: ignore[misc] # aiokafka has no types
    """One fetch of a partition; batched topics come as plain records."""

    batched: ClassVar[set[str]] = set()
    _partition_records: PlainRecords | None

    def getall(self, max_records: int | None = None) -> list[Any]:
        """Records not yet taken, `max_records` at most; none when the position has moved."""
        tp = self._topic_partition
        if tp.topic not in self.batched:
            records: list[Any] = super().getall(max_records)
            return records
        fetched = self._partition_records
        if not self.check_assignment(tp) or fetched is None:
            return Fetched()
        taken = fetched.take(max_records)
        self._update_position()
        if fetched.done:
            self._partition_records = None
        return taken


def install(batched: frozenset[str]) -> None:
    """Have aiokafka unpack these topics so; it must read them uncommitted, as by default."""
    fetcher.PartitionRecords = PlainRecords
    fetcher.FetchResult = PlainResult
    consumer_module.GroupCoordinator = Coordinator
    PlainResult.batched.update(batched)
