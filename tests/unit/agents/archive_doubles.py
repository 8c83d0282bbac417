"""Stand-ins for tests of the archive: events, PostgreSQL, Faust, the broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

from faust.types import TP

from liveops.errors import Unavailable
from liveops.kafka.chunks import Chunk
from liveops.kafka.offsets import Bounds
from liveops.postgres.queries import load

TOPIC = "metrics.raw"
QUERIES = load("archive")


class Event:
    """A chunk of records with these offsets."""

    def __init__(self, first: int, last: int, partition: int = 0) -> None:
        records = [
            SimpleNamespace(offset=n, timestamp=1_700_000_000_000) for n in range(first, last + 1)
        ]
        tp = TP(TOPIC, partition)
        self.message = SimpleNamespace(value=Chunk(TOPIC, partition, cast(Any, records)), tp=tp)
        self.acked = asyncio.Event()

    def ack(self) -> None:
        self.acked.set()


class Store:
    """Stands for PostgreSQL: rows become visible with the commit, the offset by CAS."""

    def __init__(self, **stored: int) -> None:
        self.offset = 0
        self.rows: list[int] = []
        self.transactions = 0
        self.troubles: list[Exception] = []
        self.overtaken_to: int | None = None
        self.stored = stored

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Store]:
        yield self

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Store]:
        self.new: list[int] = []
        before = self.offset
        if self.troubles:
            raise self.troubles.pop(0)
        try:
            yield self
        except BaseException:
            self.offset = max(before, self.overtaken_to or 0)
            raise
        self.rows += self.new
        self.transactions += 1

    async def fetchval(self, query: str, *args: Any) -> int | None:
        if query == QUERIES["next_offset"]:
            return self.offset
        assert query == QUERIES["advance_offset"]
        known, new = int(args[3]), int(args[4])
        if self.overtaken_to is not None:
            self.offset, self.overtaken_to = self.overtaken_to, None
        if known != self.offset:
            self.overtaken_to = self.offset
            return None
        self.offset = new
        return new

    async def fetch(self, query: str, *args: Any) -> list[dict[str, int]]:
        assert query == QUERIES["next_offsets"]
        return [{"partition": int(p[1:]), "next_offset": n} for p, n in self.stored.items()]


class Offsets:
    """A sink whose rows are the offsets themselves."""

    table = "metrics"

    async def prepare(self, partition: int, records: Sequence[Any]) -> list[int]:
        return [record.offset for record in records]

    async def make_room(self, parts: list[list[int]]) -> None:
        pass

    async def store(self, con: Any, parts: list[list[int]]) -> int:
        rows = [row for part in parts for row in part]
        con.new += rows
        return len(rows)


class Flow:
    """Stands for Faust."""

    def __init__(self) -> None:
        self.rebalancing = False
        self.released: list[Any] = []
        self.went_back: list[tuple[TP, int]] = []
        self.paused: list[TP] = []
        self.began = 0
        self.settled = True
        self.changed = asyncio.Event()

    def must_release(self) -> bool:
        return self.rebalancing

    def release(self, event: Any) -> None:
        self.released.append(event)
        self.changed.set()

    def committed(self, tp: TP) -> int:
        return self.began

    async def go_back(self, tp: TP, offset: int) -> None:
        self.went_back.append((tp, offset))

    def pause(self, tp: TP) -> None:
        self.paused.append(tp)


class Ends:
    """Stands for the broker; may be away at first."""

    def __init__(self, **bounds: Bounds) -> None:
        self.away = 1
        self._bounds = {int(name[1:]): value for name, value in bounds.items()}

    async def bounds(self, topic: str, partitions: Collection[int]) -> dict[int, Bounds]:
        if self.away:
            self.away -= 1
            raise Unavailable("kafka")
        return {number: self._bounds[number] for number in partitions}


async def until(*events: Event) -> None:
    """Wait until all are acknowledged."""
    async with asyncio.timeout(5):
        for event in events:
            await event.acked.wait()
