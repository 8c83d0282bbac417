"""What a chunk holds for others, out until the broker has it: forwards and dead letters."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from agents.windows.dead_letter import LetterBudget, dead_letter
from agents.windows.taken import Taken
from liveops.errors import Unavailable
from liveops.intake.faults import Fault, Place
from liveops.kafka.producer import Outgoing, Producer
from liveops.metrics.windows import FORWARDED
from schema.topics import DEADLETTER, RAW_KEYED

#: Chunks that may be read on while what they hold for others is still being sent.
_CHUNKS_AHEAD = 8


Faults = list[tuple[Fault, Place, bytes | None]]


@dataclass(slots=True)
class ForOthers:
    """Forwards by partition and faults of a chunk, in the order they were read."""

    forwards: dict[int, list[Outgoing]] = field(default_factory=dict)
    faults: Faults = field(default_factory=list)

    def add(self, found: Taken, budget: LetterBudget) -> None:
        """What the next records of the chunk hold; of bad input what the budget allows."""
        for home, forwards in found.forwards.items():
            self.forwards.setdefault(home, []).extend(forwards)
        if not found.faults:
            return
        records = found.chunk.records
        for at, fault in budget.choose(found.faults, records):
            self.faults.append((fault, found.place(at), records[at].value))

    def __bool__(self) -> bool:
        return bool(self.forwards or self.faults)


class Forwarder:
    """Sends in the order of a partition's chunks, while later ones are read."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._ahead: dict[int, asyncio.Semaphore] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.budget = LetterBudget()

    async def send_after(
        self, partition: int, before: asyncio.Task[None] | None, found: ForOthers
    ) -> asyncio.Task[None]:
        """Begin to send when the chunk before has been; the task ends when all is out.

        Waits first while too many chunks of the partition are on their way.
        """
        ahead = self._ahead.setdefault(partition, asyncio.Semaphore(_CHUNKS_AHEAD))
        await ahead.acquire()
        sending = asyncio.create_task(self._send_after(ahead, before, partition, found))
        self._tasks.add(sending)
        sending.add_done_callback(self._tasks.discard)
        return sending

    async def _send_after(
        self,
        ahead: asyncio.Semaphore,
        before: asyncio.Task[None] | None,
        partition: int,
        found: ForOthers,
    ) -> None:
        try:
            if before is not None:
                await before
            await self.send(partition, found)
        finally:
            ahead.release()

    async def send(self, partition: int, found: ForOthers) -> None:
        """Forward and set aside, until the broker has all of it."""
        if found.forwards:
            await self._forward(found.forwards)
        if found.faults:
            letters = [dead_letter(*item) for item in found.faults]
            await _until_sent(partial(self._producer.send_in_order, DEADLETTER, partition, letters))

    async def _forward(self, forwards: dict[int, list[Outgoing]]) -> None:
        """Send on what belongs elsewhere, in order.

        The receiving side skips what is not newer than the last record of its origin, so
        a later record must never arrive before an earlier one.
        """
        sends = [
            _until_sent(partial(self._producer.send_in_order, RAW_KEYED, home, records))
            for home, records in forwards.items()
        ]
        await asyncio.gather(*sends)
        FORWARDED.inc(sum(map(len, forwards.values())))


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
