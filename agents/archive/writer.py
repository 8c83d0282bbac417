"""The chunks of one partition, in order, into PostgreSQL: rows and offset at once.

While a transaction waits for PostgreSQL, the next chunks are decoded; what has gathered
meanwhile becomes one transaction. PostgreSQL's offset is the truth: what it has is
skipped, and Kafka's is acknowledged after the commit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from faust.types.events import EventT
from tenacity import RetryCallState

from liveops.errors import LiveOpsError
from liveops.kafka.chunks import chunk_of
from liveops.metrics.archive import ARCHIVE_DELAY_SECONDS, ARCHIVE_STORE_SECONDS, ARCHIVED_ROWS
from liveops.postgres import archive
from liveops.postgres.archive import Connection
from liveops.postgres.database import Database
from liveops.runtime.background import BackgroundTask
from liveops.runtime.retry import can_pass, failure, retrying

log = structlog.get_logger(__name__)
SINK = "archive"
#: Decoded chunks that may wait for PostgreSQL, a partition.
_WAITING = 4
#: How often a writer that may not begin yet looks whether its chunks are wanted back.
_POLL_S = 0.2
#: The longest pause between two tries: a rebalance waits for its end.
_LONGEST_PAUSE_S = 2.0


class WentBack(LiveOpsError):
    """The stored offset is lower than what this worker has stored itself."""


class Sink(Protocol):
    """What becomes of the records of one topic."""

    table: str

    async def prepare(self, partition: int, records: Sequence[Any]) -> Any:
        """Decode records of one partition; the database may be away."""

    async def make_room(self, parts: list[Any]) -> None:
        """Make the table ready for these rows."""

    async def store(self, con: Connection, parts: list[Any]) -> int:
        """Write within a transaction; how many rows."""


class Flow(Protocol):
    """What Faust says and is told about chunks."""

    def must_release(self) -> bool:
        """Whether a rebalance or the stop has begun and waits for the chunks."""

    def release(self, event: EventT[Any]) -> None:
        """Do not wait for this chunk; it is not acknowledged and will come again."""


@dataclass(slots=True)
class _Waiting:
    event: EventT[Any]
    records: Sequence[Any]
    prepared: Any

    @property
    def end(self) -> int:
        """The offset after the chunk."""
        return int(self.records[-1].offset) + 1


class PartitionWriter:
    """Writes one partition for as long as it is assigned to this worker.

    Begins when `admit` is called. A quarantined partition is never written.
    """

    def __init__(
        self, topic: str, partition: int, sink: Sink, database: Database, flow: Flow,
        turns: asyncio.Semaphore,
    ) -> None:  # fmt: skip
        self.topic = topic
        self.partition = partition
        #: Why nothing of this partition is written, in one line.
        self.quarantined = ""
        self._sink = sink
        self._database = database
        self._flow = flow
        self._turns = turns
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue(_WAITING)
        self._admitted = asyncio.Event()
        #: What this worker knows to be stored; None before its first transaction.
        self._stored: int | None = None
        #: After going back: chunks from this offset on are from before it.
        self._stale_from: int | None = None
        #: Chunks under way; they outlast a failure of the task, which goes on with them.
        self._batch: list[_Waiting] = []
        self._task = BackgroundTask(self._run, f"archive {topic}/{partition}")
        self._task.launch()

    @property
    def fault(self) -> str:
        """Why the writer failed of late and was started again, in one line, or ""."""
        return self._task.fault

    def admit(self, stale_from: int | None = None) -> None:
        """Begin. The consumer went back when `stale_from` says from where."""
        self._stale_from = stale_from
        self._admitted.set()

    def quarantine(self, line: str) -> None:
        """Write nothing, now or later."""
        if not self.quarantined:
            log.error("archive quarantines a partition", reason=line)
        self.quarantined = line
        self._admitted.set()

    def cancel(self) -> None:
        """The partition is no longer ours."""
        self._task.cancel()

    async def put(self, event: EventT[Any]) -> None:
        """Decode a chunk and queue it; waits while PostgreSQL is behind."""
        records = chunk_of(event).records
        prepared = None if self.quarantined else await self._sink.prepare(self.partition, records)
        await self._queue.put(_Waiting(event, records, prepared))

    async def _run(self) -> None:
        batch = self._batch
        while True:
            if not batch:
                batch.append(await self._queue.get())
            await self._await_admission()
            while not self._queue.empty():
                batch.append(self._queue.get_nowait())
            self._drop_stale(batch)
            if batch:
                await self._until_stored(batch)
            batch.clear()

    async def _await_admission(self) -> None:
        while not self._admitted.is_set() and not self._flow.must_release():
            try:
                async with asyncio.timeout(_POLL_S):
                    await self._admitted.wait()
            except TimeoutError:
                continue

    def _drop_stale(self, batch: list[_Waiting]) -> None:
        """Leave out what was read before the consumer went back; it comes again."""
        while self._stale_from is not None and batch:
            if batch[0].records[0].offset < self._stale_from:
                self._stale_from = None
            else:
                batch.pop(0).event.ack()

    async def _until_stored(self, batch: list[_Waiting]) -> None:
        """Try until the chunks are in PostgreSQL, or Faust wants them back."""
        if self._admitted.is_set() and not self.quarantined and await self._is_stored(batch):
            for item in batch:
                item.event.ack()
        else:
            for item in batch:
                self._flow.release(item.event)

    async def _is_stored(self, batch: list[_Waiting]) -> bool:
        """Store the chunks; False when they are not to be stored here."""
        tries = retrying(on=_is_passing, after=self._note, longest_s=_LONGEST_PAUSE_S)
        try:
            async for attempt in tries:
                is_first = attempt.retry_state.attempt_number == 1
                if not is_first and self._flow.must_release():
                    return False
                with attempt:
                    await self._store(batch)
        except WentBack as error:
            self.quarantine(str(error))
            return False
        return True

    def _note(self, state: RetryCallState) -> None:
        error = failure(state)
        if error is not None and not can_pass(error):
            log.error("a chunk could not be archived, trying again", exc_info=error)
        elif state.attempt_number == 1:
            log.warning("archive waits", error=str(error), partition=self.partition)

    async def _store(self, batch: list[_Waiting]) -> None:
        async with self._turns:
            with ARCHIVE_STORE_SECONDS.labels(self._sink.table).time():
                rows = await self._write(batch)
        age_s = time.time() - batch[0].records[0].timestamp / 1000
        ARCHIVE_DELAY_SECONDS.labels(self._sink.table).observe(max(0.0, age_s))
        ARCHIVED_ROWS.labels(self._sink.table).inc(rows)

    async def _write(self, batch: list[_Waiting]) -> int:
        """One transaction; how many rows it wrote."""
        await self._sink.make_room([item.prepared for item in batch])
        async with self._database.transaction() as con:
            stored = await archive.next_offset(con, SINK, self.topic, self.partition)
            if self._stored is not None and stored < self._stored:
                raise WentBack(self._went_back(stored))
            parts = [await self._part_from(item, stored) for item in batch if item.end > stored]
            rows = await self._sink.store(con, parts) if parts else 0
            if parts:
                await archive.advance_offset(
                    con, SINK, self.topic, self.partition, stored, batch[-1].end
                )
        self._stored = max(stored, batch[-1].end)
        return rows

    async def _part_from(self, item: _Waiting, stored: int) -> Any:
        """The chunk without the records that are stored."""
        if item.records[0].offset >= stored:
            return item.prepared
        fresh = [record for record in item.records if record.offset >= stored]
        return await self._sink.prepare(self.partition, fresh)

    def _went_back(self, stored: int) -> str:
        return (
            f"{self.topic}/{self.partition}: PostgreSQL has stored up to offset {stored}, but had "
            f"{self._stored} before; restart the archive to read again from there"
        )


def _is_passing(error: BaseException) -> bool:
    """Everything is tried again but what was stored under another offset: nothing may be lost."""
    return isinstance(error, Exception) and not isinstance(error, WentBack)
