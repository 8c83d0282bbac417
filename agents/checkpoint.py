"""The checkpoint of the windows: what makes a record's effect safe before it is acked.

Order, for each owned partition: (1) changed minutes and headers, with their finished
outputs, into the table, awaiting the changelog's acks; (2) the outputs, awaiting the
acks; (3) the records are acknowledged. Open windows are emitted between checkpoints.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import structlog
from faust.types import TP
from faust.types.app import AppT
from prometheus_async.aio import time

from agents.live import LiveFeed
from agents.partition_windows import PartitionWindows
from agents.window import EXIT_LOST_STATE, OwnedPartition, WindowAgent
from liveops.clock import Clock
from liveops.errors import Unavailable
from liveops.kafka.producer import Producer
from liveops.kafka.progress import read_to_end, unacknowledged
from liveops.metrics import CHECKPOINT_SECONDS, WINDOWS_EMITTED
from schema.topics import AGGREGATED, RAW, RAW_KEYED, WINDOWS_OPEN
from tables.windows import encode_header, encode_minute, header_key, minute_key

log = structlog.get_logger(__name__)
#: Corrections of closed windows are coalesced over this time.
_SETTLE_S = 1.0
_CHANGELOG_DEADLINE_S = 120.0


class Checkpointer:
    """Checkpoints, emits and ticks while this worker's assignment is in force."""

    def __init__(
        self,
        app: AppT,
        agent: WindowAgent,
        producer: Producer,
        live: LiveFeed,
        clock: Clock,
        *,
        interval_s: float,
    ) -> None:
        self._app = app
        self._agent = agent
        self._producer = producer
        self._live = live
        self._clock = clock
        self._interval_s = interval_s
        self._settled_s = 0.0
        #: False from revocation until the recovered state is loaded.
        self.active = False

    async def run(self) -> None:
        """One round each interval; a lost changelog write ends the process."""
        while True:
            await asyncio.sleep(self._interval_s)
            if not self.active:
                continue
            try:
                await self.round()
            except Unavailable as error:
                log.warning("checkpoint waits for the broker", error=str(error))
            except Exception:
                log.exception("window state could not be stored; stopping")
                os._exit(EXIT_LOST_STATE)

    async def round(self) -> None:
        """Tick, emit the open windows, settle, checkpoint."""
        self._tick()
        for owned in list(self._agent.owned.values()):
            await self._emit_open(owned.windows)
        settle = self._clock.monotonic_s() - self._settled_s >= _SETTLE_S
        if settle:
            self._settled_s = self._clock.monotonic_s()
        for owned in list(self._agent.owned.values()):
            if settle:
                owned.windows.settle()
            await self._checkpoint(owned)
        await self._live.flush()

    def _tick(self) -> None:
        now_s = self._clock.now_s()
        for number, owned in self._agent.owned.items():
            if self._caught_up(number):
                owned.windows.tick(now_s)

    def _caught_up(self, number: int) -> bool:
        """Whether every record of the partition has been read and folded."""
        waiting = sum(len(owned.unacknowledged) for owned in self._agent.owned.values())
        if unacknowledged(self._app, (RAW, RAW_KEYED)) > waiting:
            return False
        return all(read_to_end(self._app, TP(topic, number)) for topic in (RAW, RAW_KEYED))

    @time(CHECKPOINT_SECONDS)
    async def _checkpoint(self, owned: OwnedPartition) -> None:
        events, owned.unacknowledged = owned.unacknowledged, []
        windows = owned.windows
        outputs = {name: list(queue) for name, queue in windows.pending.items() if queue}
        try:
            if self._write(windows, outputs):
                async with asyncio.timeout(_CHANGELOG_DEADLINE_S):
                    await self._agent.table.written()
            await self._send(windows, outputs)
        except Unavailable:
            owned.unacknowledged = events + owned.unacknowledged
            raise
        for event in events:
            event.ack()

    def _write(self, windows: PartitionWindows, outputs: dict[str, list[Any]]) -> bool:
        """Put everything changed into the table; whether there was anything."""
        wrote = False
        table = self._agent.table
        for name, state in windows.services.items():
            if not (state.dirty or state.dirty_minutes):
                continue
            for start in sorted(state.dirty_minutes):
                value = encode_minute(state, start)
                key = minute_key(name, start)
                if value is not None:
                    table[key] = value
                elif key in table:
                    del table[key]
            table[header_key(name)] = encode_header(state, windows.time_s, outputs.get(name, []))
            state.dirty_minutes.clear()
            state.dirty = False
            wrote = True
        return wrote

    async def _send(self, windows: PartitionWindows, outputs: dict[str, list[Any]]) -> None:
        for name, queue in outputs.items():
            await asyncio.gather(
                *(self._producer.send(topic, name, value) for topic, value in queue)
            )
            del windows.pending[name][: len(queue)]
            windows.services[name].dirty = True
            closed = [value for topic, value in queue if topic == AGGREGATED]
            WINDOWS_EMITTED.labels("closed").inc(len(closed))
            self._live.add_closed(name, closed)

    async def _emit_open(self, windows: PartitionWindows) -> None:
        records = windows.open_records()
        await asyncio.gather(
            *(self._producer.send(WINDOWS_OPEN, name, value) for name, _, value in records)
        )
        for name, aggregates, _ in records:
            WINDOWS_EMITTED.labels("open").inc(len(aggregates))
            self._live.add_open(name, aggregates)
