"""A Faust transport that hands an agent whole chunks of records instead of single ones.

Faust spends 150–200 µs on each message before an agent sees it. For the topics in
`app.batched_topics` this transport makes one message of all records fetched from one
partition: `message.value` is a `Chunk`, `message.offset` that of its last record. It is
an ordinary Faust event otherwise; every other topic behaves as in stock Faust.

To use it in an app of your own:

    register()  # an installed package is known without it
    app = faust.App("name", broker="batched://localhost:9092", ...)
    app.batched_topics = frozenset({"measurements"})

    @app.agent(app.topic("measurements", value_type=bytes, value_serializer="raw"))
    async def fold(stream):
        async for event in stream.noack().events():
            for record in event.value.records:
                ...  # record.offset, .timestamp (ms), .key, .value, .headers
            event.ack()

The offset after a chunk is committed when it and all chunks before it are acknowledged,
in the order of delivery. A chunk that Faust takes from its buffer but skips (a rebalance
has begun) does not count as acknowledged, though Faust acknowledges it.

Depends on private parts of faust-streaming 0.15.3: `_getmany`, `_to_message`, `_add_gap`,
`_new_offset`, `_acked`, `_read_offset` and `Message.tracked`; tests pin them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from typing import Any, ClassVar, cast

from aiokafka.errors import IllegalStateError
from faust.transport import drivers
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage, Message

from liveops.kafka.chunks import Chunk, Fetched, cut, message_of
from liveops.kafka.fetching import ConsumerThread, install

SCHEME = "batched"
#: Pause before the next fetch when one read to the end and brought few records: at low
#: rates there are fewer, fuller chunks.
LINGER_S = 0.02
_FEW = 500


class Consumer(driver.Consumer):
    """Faust's aiokafka consumer, with chunks for the topics declared batched."""

    _thread: ConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._batched: frozenset[str] = getattr(self.app, "batched_topics", frozenset())
        install(self._batched)
        self._delivered: dict[TP, deque[Message]] = {}
        #: Offset after the acknowledged prefix of the delivered chunks.
        self._safe: dict[TP, int] = {}
        self._pause_s = 0.0
        #: Next offset to deliver; where it was sought again; gaps that are in the log itself.
        self._expected: dict[TP, int] = {}
        self._sought: dict[TP, int] = {}
        self._gaps: dict[TP, tuple[int, int]] = {}
        #: False from a rebalance until the position is known again.
        self._placed = False

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:
        """Messages; of batched topics each record once, in order, and none left out."""
        async for tp, message in super().getmany(timeout):
            if message.topic not in self._batched:
                yield tp, message
            elif self._placed and await self._continues(tp, message):
                self._hand_on(tp, message)
                yield tp, message

    def _hand_on(self, tp: TP, message: Message) -> None:
        self._delivered.setdefault(tp, deque()).append(message)
        self._expected[tp] = message.offset + 1

    async def _continues(self, tp: TP, message: Message) -> bool:
        """Whether a chunk follows what was delivered; what was left out is fetched again.

        Around a rebalance Faust hands on leftovers of a fetch made before it, and drops
        what it has fetched while it pauses. An agent that got the record after a hole
        would take the hole for read, and the commit would pass it. A hole is one of the log
        only if the fetch that was made for it begins behind it: what Faust drops twice leaves
        the same hole twice.
        """
        expected = self._expected.get(tp, 0)
        first = cast(Any, message.value).records[0].offset
        if message.offset < expected:
            return False
        if first <= expected or self._gaps.get(tp) == (expected, first):
            return True
        self._sought[tp] = expected
        with suppress(IllegalStateError):  # no longer ours
            await self._thread.seek_wait({tp: expected})
        return False

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        if self._pause_s:
            await asyncio.sleep(self._pause_s)
        fetched: Mapping[TP, list[Any]] = await super()._getmany(active_partitions, timeout)
        found: dict[TP, list[Any]] = dict(fetched)
        count, behind = 0, False
        for tp, records in fetched.items():
            if tp.topic in self._batched:
                count += len(records)
                self._note_gap(tp, records[0].offset)
                behind = behind or records[-1].offset + 1 < (self.highwater(tp) or 0)
                found[tp] = self._chunks(tp, cast(Fetched, records))
        self._pause_s = LINGER_S if 0 < count < _FEW and not behind else 0.0
        return found

    def _note_gap(self, tp: TP, first: int) -> None:
        """Learn from the first fetch after a seek whether the log has what was sought."""
        sought = self._sought.pop(tp, None)
        if sought is not None and first > sought:
            self._gaps[tp] = (sought, first)

    def _chunks(self, tp: TP, records: Fetched) -> list[Chunk]:
        return cut(tp.topic, tp.partition, records.since(self._expected.get(tp, 0)))

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        if not isinstance(record, Chunk):
            return super()._to_message(tp, record)
        return message_of(record, self.app.consumer_generation_id)

    def ack(self, message: Message) -> bool:
        """Note that a chunk is done; other messages as in stock Faust."""
        if message.topic not in self._batched:
            return bool(super().ack(message))
        if message.acked or not message.tracked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        chunks = self._delivered.get(message.tp)
        while chunks and chunks[0].acked:
            self._safe[message.tp] = chunks.popleft().offset + 1
        self._acked.setdefault(message.tp, [])  # Faust asks these partitions for new offsets
        self._n_acked += 1
        if self._waiting_for_ack is not None and not self._waiting_for_ack.done():
            self._waiting_for_ack.set_result(None)
        return True

    def _new_offset(self, tp: TP) -> int | None:
        if tp.topic in self._batched:
            return self._safe.get(tp)
        return super()._new_offset(tp)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        if tp.topic not in self._batched:
            await super()._add_gap(tp, offset_from, offset_to)

    def holds_lease(self) -> bool:
        """Whether no other worker can have been given our partitions."""
        return self._thread.holds_lease()

    def unacknowledged_chunks(self, topics: Iterable[str]) -> int:
        """Chunks handed on and not yet acknowledged."""
        wanted = frozenset(topics)
        return sum(len(chunks) for tp, chunks in self._delivered.items() if tp.topic in wanted)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Let Faust drain and commit, then forget the chunks."""
        await super().on_partitions_revoked(revoked)
        self._placed = False
        self._forget()

    async def perform_seek(self) -> None:
        """Back to the committed offsets: what was delivered comes again."""
        await super().perform_seek()
        self._forget()
        self._expected = {tp: offset or 0 for tp, offset in self._read_offset.items()}
        self._placed = True

    async def seek(self, partition: TP, offset: int) -> None:
        """Read on from `offset`; chunks of the partition under way no longer count."""
        await super().seek(partition, offset)
        self._delivered.pop(partition, None)
        self._safe.pop(partition, None)
        self._expected[partition] = offset

    def _forget(self) -> None:
        self._delivered.clear()
        self._safe.clear()
        self._sought.clear()
        self._gaps.clear()


class Transport(driver.Transport):
    """The aiokafka transport with the consumer above."""

    Consumer: ClassVar[type[Consumer]] = Consumer


def register() -> None:
    """Make `batched://` known to Faust where the package is not installed."""
    drivers.TRANSPORTS.aliases[SCHEME] = f"{__name__}:Transport"
