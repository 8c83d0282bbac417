"""The checkpoint of the windows: what makes a record's effect safe before it is acked.

Order, for each owned partition: (1) what changed, with its finished outputs, into the
table, awaiting the changelog's acks; (2) the outputs, awaiting the acks; (3) when all
that the chunks held for other partitions is sent, they are acknowledged, and what the
table no longer needs is deleted.
"""

from __future__ import annotations

import asyncio
import os

import structlog
from prometheus_async.aio import time

from agents.windows.agent import OwnedPartition, WindowAgent
from agents.windows.live_feed import LiveFeed
from agents.windows.partition_windows import PartitionWindows
from liveops.clock import Clock
from liveops.errors import Unavailable
from liveops.kafka.producer import Outgoing, Producer
from liveops.metrics.windows import CHECKPOINT_SECONDS, WINDOWS_EMITTED
from liveops.runtime.exit_codes import LOST_STATE
from liveops.windows.state import ServiceWindows
from schema.topics import AGGREGATED

log = structlog.get_logger(__name__)
#: Corrections of closed windows are coalesced over this time.
_SETTLE_S = 1.0
_CHANGELOG_DEADLINE_S = 120.0
#: After this the next round waits again: a rebalance must not wait for the broker.
_FORWARD_DEADLINE_S = 2.0
#: Less than the time the group waits for a member in a rebalance.
_SUSPEND_DEADLINE_S = 8.0


class Checkpointer:
    """Checkpoints while this worker's assignment is in force."""

    def __init__(
        self,
        agent: WindowAgent,
        producer: Producer,
        live: LiveFeed,
        clock: Clock,
        *,
        interval_s: float,
    ) -> None:
        self._agent = agent
        self._producer = producer
        self._live = live
        self._clock = clock
        self._interval_s = interval_s
        self._settled_s = 0.0
        #: Held during a round: after `suspend` nothing of a revoked partition is written.
        self._lock = asyncio.Lock()
        #: Whether the recovered state is loaded and no rebalance has begun.
        self.active = False

    def resume(self) -> None:
        """The recovered state is loaded."""
        self.active = True

    async def suspend(self) -> None:
        """Finish the round under way; from now on the partitions may have other owners.

        A round that does not end in time would write over the next owner's state.
        """
        try:
            async with asyncio.timeout(_SUSPEND_DEADLINE_S), self._lock:
                self.active = False
                await self._agent.table.written()  # deletions wait for the next round
        except TimeoutError:
            log.error("the last checkpoint does not end; stopping, so that it cannot come late")
            os._exit(LOST_STATE)

    async def run(self) -> None:
        """One round each interval; a lost changelog write ends the process."""
        while True:
            await asyncio.sleep(self._interval_s)
            try:
                async with self._lock:
                    if self.active:
                        await self.round()
            except Unavailable as error:
                log.warning("checkpoint waits for the broker", error=str(error))
            except Exception:
                log.exception("window state could not be stored; stopping")
                os._exit(LOST_STATE)

    async def round(self) -> None:
        """Settle when it is time, and checkpoint the partitions side by side.

        Each is carried to its end also when another fails: what was taken out of the table
        to be written must be. At the start the group may not have answered yet.
        """
        async with asyncio.timeout(_CHANGELOG_DEADLINE_S):
            await self._agent.table.surely_ours()
        settle = self._clock.monotonic_s() - self._settled_s >= _SETTLE_S
        if settle:
            self._settled_s = self._clock.monotonic_s()
        under_way: list[asyncio.Task[None]] = []
        for number, partition in list(self._agent.owned.items()):
            if settle:
                partition.windows.settle()
            under_way.append(asyncio.create_task(self._checkpoint(number, partition)))
            await asyncio.sleep(0)  # others may have the loop in between
        ended = await asyncio.gather(*under_way, return_exceptions=True)
        failed = [found for found in ended if isinstance(found, BaseException)]
        failed.sort(key=lambda found: isinstance(found, Unavailable))  # what is worse, first
        for found in failed:
            raise found

    @time(CHECKPOINT_SECONDS)
    async def _checkpoint(self, number: int, owned: OwnedPartition) -> None:
        events, sending = list(owned.unacknowledged), owned.sending
        waiting = owned.windows.write()
        async with asyncio.timeout(_CHANGELOG_DEADLINE_S):
            await self._agent.table.written([number])
        await self._send_pending(number, owned.windows, waiting)
        if sending is not None:
            await _sent(sending)
        owned.windows.stored()
        self._agent.stored(owned, events)

    async def _send_pending(
        self, number: int, windows: PartitionWindows, waiting: list[ServiceWindows]
    ) -> None:
        """Send finished outputs by topic, then forget them with the next write."""
        pieces = {s.name: dict(windows.pending[s.name].pieces) for s in waiting}
        by_topic: dict[str, list[Outgoing]] = {}
        for service in waiting:
            for outputs in pieces[service.name].values():
                for topic, value in outputs:
                    by_topic.setdefault(topic, []).append(Outgoing(service.name, value))
        for topic, records in by_topic.items():
            await self._producer.send_in_order(topic, number, records)
        for service in waiting:
            windows.sent(service, list(pieces[service.name]))
        closed = by_topic.get(AGGREGATED, [])
        WINDOWS_EMITTED.labels("closed").inc(len(closed))
        self._live.add_closed(windows.closed_windows())


async def _sent(sending: asyncio.Task[None]) -> None:
    """Wait until forwards and dead letters are out; raises Unavailable while they are not."""
    await asyncio.wait({sending}, timeout=_FORWARD_DEADLINE_S)
    if not sending.done():
        raise Unavailable("kafka")
    sending.result()
