"""Clients' records on their way to `metrics.raw`, and refusals while the broker is away.

A record costs a place in the producer's batch and a future. One watch fails what has waited for
too long, and notices when the broker acknowledges nothing any more: from then on calls are refused
at once, until it does again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from aiokafka.errors import KafkaError, KafkaTimeoutError

from liveops.clock import Clock, SystemClock
from liveops.errors import Unavailable
from liveops.kafka.producer import Ack, Producer
from liveops.metrics.worker import BREAKER_OPEN, DEPENDENCY_FAILURES
from liveops.runtime.background import BackgroundTask
from schema.topics import RAW

#: An acknowledgement has to come within this time.
DEADLINE_S = 10.0
#: A broker that has not acknowledged for so long what it was given is taken for away.
STALL_S = 2.0
#: How often it is looked what waits, and how often a broker is asked whether it is back.
_LOOK_S, _ASK_S = 0.1, 0.5


class IngestSends:
    """Sends with a producer of its own: no other output is in the way of clients."""

    def __init__(self, producer: Producer, clock: Clock | None = None) -> None:
        self._producer = producer
        self._clock = clock or SystemClock()
        #: Acknowledgements that are waited for, by when that began; the oldest first.
        self._waiting: deque[tuple[float, Ack]] = deque()
        self._is_away = False
        self._open = BREAKER_OPEN.labels("kafka")
        self._failures = DEPENDENCY_FAILURES.labels("kafka")
        self._watch = BackgroundTask(self.watch, "ingest-sends")

    async def start(self) -> None:
        """Begin to watch; the first record connects."""
        await self._watch.start()

    async def stop(self) -> None:
        """Flush and close."""
        await self._producer.stop()
        await self._watch.stop()

    def check(self) -> None:
        """Raises Unavailable("kafka") while the broker is away."""
        if self._is_away:
            raise Unavailable("kafka")

    async def begin(self, service: str, value: bytes) -> Ack:
        """Hand over a record; what is returned has to be `settle`d.

        Waits for room in the producer only. Raises Unavailable("kafka") or Refused.
        """
        self.check()
        try:
            ack = await self._producer.begin(RAW, service, value)
        except Unavailable:
            self._say(away=True)
            raise
        self._waiting.append((self._clock.monotonic_s(), ack))
        return ack

    async def settle(self, acks: Sequence[Ack]) -> None:
        """Wait until the broker has all; raises Unavailable("kafka") or Refused."""
        failed: Exception | None = None
        for ack in acks:
            try:
                await ack
            except (KafkaError, OSError) as error:
                failed = error
        if failed is not None:
            raise await self._producer.verdict_on(failed) from failed

    async def watch(self) -> None:
        """Look after what waits, for as long as the worker runs."""
        while True:
            await asyncio.sleep(_LOOK_S)
            self.look()
            if self._is_away and not self._waiting:
                if await self._producer.ping():
                    self._say(away=False)
                else:
                    await asyncio.sleep(_ASK_S)

    def look(self) -> None:
        """Fail what is overdue, and judge by the oldest that waits whether the broker is there."""
        now_s = self._clock.monotonic_s()
        waiting = self._waiting
        while waiting:
            since_s, ack = waiting[0]
            if not ack.done():
                if now_s - since_s < DEADLINE_S:
                    self._say(away=now_s - since_s > STALL_S)
                    return
                ack.set_exception(KafkaTimeoutError())
                self._say(away=True)
            elif not ack.cancelled() and ack.exception() is None:
                self._say(away=False)
            waiting.popleft()

    def _say(self, *, away: bool) -> None:
        if away and not self._is_away:
            self._failures.inc()
        if away != self._is_away:
            self._is_away = away
            self._open.set(away)
