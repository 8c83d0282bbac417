"""A view of `liveops.config`: rules, silences, topology and revocations, always whole.

Each worker reads the compacted topic from its beginning, in no consumer group.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from liveops.clock import Clock, SystemClock
from liveops.detection.silencing import Muting
from liveops.metrics.worker import BAD_INTERNAL_RECORDS
from liveops.runtime.background import BackgroundTask
from liveops.settings import Settings
from schema import config as keys
from schema.rules import Edge, Rule, Silence
from schema.topics import CONFIG

log = structlog.get_logger(__name__)
#: How often the broker is asked whether there is more than was read.
_LOOK_S = 2.0
_LOOK_DEADLINE_S = 5.0
#: The view is out of date when the broker last said "that is all" longer ago than this.
CURRENT_S = 10.0
T = TypeVar("T")


class ConfigView:
    """Follows the topic; attributes are replaced or changed as records arrive.

    A record that cannot be read is counted and skipped; any other failure starts the view
    again from the topic's beginning.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self._servers = settings.bootstrap_servers
        self._clock = clock or SystemClock()
        self.rules: dict[str, Rule] = {}
        self.silences: dict[str, Silence] = {}
        self.topology: list[Edge] = []
        #: Services that are no more, by when that was said (epoch seconds).
        self.deleted: dict[str, float] = {}
        self.revoked: dict[str, float] = {}
        self._ready = asyncio.Event()
        self._current_at_s = float("-inf")
        self._listeners: list[Callable[[], None]] = []
        self._unreadable = BAD_INTERNAL_RECORDS.labels(CONFIG)
        self._task = BackgroundTask(self._follow, "config-view", self._clock)

    @property
    def current(self) -> bool:
        """Whether everything that was in the topic a moment ago has been read."""
        return self._clock.monotonic_s() - self._current_at_s < CURRENT_S

    @property
    def fault(self) -> str:
        """Why the view is not current, in one line; "" when it is."""
        if self.current:
            return ""
        return self._task.fault or "config-view: liveops.config has not been read to its end"

    async def start(self) -> None:
        """Begin to follow; returns at once."""
        await self._task.start()

    async def stop(self) -> None:
        """Stop following."""
        await self._task.stop()

    async def wait_ready(self) -> None:
        """Wait until everything that was in the topic at start has been read."""
        await self._ready.wait()

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each change (and once when ready)."""
        self._listeners.append(listener)

    async def _follow(self) -> None:
        consumer = AIOKafkaConsumer(bootstrap_servers=self._servers, enable_auto_commit=False)
        try:
            await consumer.start()
            partition = TopicPartition(CONFIG, 0)
            consumer.assign([partition])
            await consumer.seek_to_beginning(partition)
            looked_s = float("-inf")
            while True:
                if self._clock.monotonic_s() - looked_s >= _LOOK_S or not self._ready.is_set():
                    await self._look(consumer, partition)
                    looked_s = self._clock.monotonic_s()
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    for record in records:
                        self._take(record)
                    self._tell()
        finally:
            await consumer.stop()

    async def _look(self, consumer: AIOKafkaConsumer, partition: TopicPartition) -> None:
        """Compare our place with the topic's end; raises when the broker does not tell it."""
        async with asyncio.timeout(_LOOK_DEADLINE_S):
            end = (await consumer.end_offsets([partition]))[partition]
            place = await consumer.position(partition)
        if place > end:
            raise RuntimeError(f"{CONFIG} ends at {end}, before what was read: it was made anew")
        if place < end:
            return
        self._current_at_s = self._clock.monotonic_s()
        if not self._ready.is_set():
            self._ready.set()
            self._tell()

    def _tell(self) -> None:
        for listener in self._listeners:
            try:
                listener()
            except Exception:
                log.exception("a listener to the configuration failed")

    def _take(self, record: Any) -> None:
        try:
            self.apply((record.key or b"").decode(), record.value)
        except Exception as error:
            self._unreadable.inc()
            log.warning(
                "unreadable configuration record",
                offset=record.offset,
                key=record.key,
                error=str(error),
            )

    def apply(self, key: str, value: bytes | None) -> None:
        """Take in one record; raises ValueError and others when it cannot be read."""
        if key.startswith(keys.RULE):
            _put(self.rules, key.removeprefix(keys.RULE), value, Rule)
        elif key.startswith(keys.SILENCE):
            _put(self.silences, key.removeprefix(keys.SILENCE), value, Silence, Muting)
        elif key.startswith(keys.DELETED):
            _put(self.deleted, key.removeprefix(keys.DELETED), value, float)
        elif key.startswith(keys.REVOKED):
            _put(self.revoked, key.removeprefix(keys.REVOKED), value, float)
        elif key == keys.TOPOLOGY_DECLARED:
            self.topology = msgspec.json.decode(value or b"[]", type=list[Edge])


def _put(
    into: dict[str, T],
    name: str,
    value: bytes | None,
    kind: type[T],
    check: Callable[[T], Any] = lambda _: None,
) -> None:
    if value is None:
        into.pop(name, None)
        return
    decoded = msgspec.json.decode(value, type=kind)
    check(decoded)
    into[name] = decoded
