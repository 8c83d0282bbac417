"""The correlator, or what tells of silences, in a process of its own that stops at a step."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import SimpleNamespace
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from agents.incidents import correlate
from agents.incidents.correlate import CorrelateAgent
from liveops.postgres import correlation, parting, silence_spans
from liveops.postgres.database import Database
from liveops.postgres.muted_alerts import tell_unmuted
from schema.incidents import Detection
from schema.rules import Edge

#: Children begin with these modules loaded.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.correlator_copy"])
_WITHIN_S = 20.0


@dataclass(frozen=True)
class Setting:
    """Where a copy works; `now_s` is what its wall clock shows."""

    broker_url: str
    database_url: str
    topic: str
    calls: tuple[tuple[str, str], ...]
    now_s: float


class _Clock:
    def __init__(self, now_s: float) -> None:
        self._now_s = now_s

    def now_s(self) -> float:
        return self._now_s

    def monotonic_s(self) -> float:
        return self._now_s


class _Config:
    def __init__(self, calls: tuple[tuple[str, str], ...]) -> None:
        self.topology = [Edge(caller=a, callee=b) for a, b in calls]

    async def wait_ready(self) -> None:
        return


class _Stream:
    """What the topic holds behind the committed offset, as one batch."""

    def __init__(self, setting: Setting) -> None:
        self._place = TopicPartition(setting.topic, 0)
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=setting.broker_url, group_id=setting.topic, enable_auto_commit=False,
            auto_offset_reset="earliest",
        )  # fmt: skip

    async def start(self) -> None:
        await self._consumer.start()
        self._consumer.assign([self._place])

    async def stop(self) -> None:
        await self._consumer.stop()

    async def noack_take(self, count: int, within: float) -> AsyncIterator[list[Any]]:
        end = (await self._consumer.end_offsets([self._place]))[self._place]
        events: list[Any] = []
        while await self._consumer.position(self._place) < end:
            for record in (await self._consumer.getmany(timeout_ms=200)).get(self._place, ()):
                message = SimpleNamespace(offset=record.offset, value=record.value)
                events.append(SimpleNamespace(message=message))
        if events:
            yield events

    async def ack(self, event: Any) -> None:
        await self._consumer.commit({self._place: event.message.offset + 1})


def _before(owner: Any, name: str, stop: Callable[..., Any]) -> None:
    setattr(owner, name, stop)


def _after(owner: Any, name: str, stop: Callable[..., Any]) -> None:
    call = getattr(owner, name)

    async def then_stop(*given: Any, **named: Any) -> None:
        await call(*given, **named)
        await stop()

    setattr(owner, name, then_stop)


#: Where a copy may stop for good: what is stopped at, and whether before or after it.
_PLACES: dict[str, tuple[Callable[[Any, str, Any], None], Any, str]] = {
    "read": (_before, correlation, "lock_offset"),
    "folded": (_before, correlate, "carry_out"),
    "parted": (_before, parting, "carry_out"),
    "incidents written": (_before, correlation, "save_correlator"),
    "groups written": (_after, correlation, "save_correlator"),
    "committed": (_before, _Stream, "ack"),
    "first acknowledged": (_after, _Stream, "ack"),
    "span not written": (_before, silence_spans, "_write"),
    "span not committed": (_after, silence_spans, "_tell_receivers"),
    "alert not told": (_before, AIOKafkaProducer, "send_and_wait"),
    "alert told, not forgotten": (_after, AIOKafkaProducer, "send_and_wait"),
}
#: The steps of what is read, and of what a person does.
STEPS = ["read", "folded", "incidents written", "groups written", "committed", "first acknowledged"]
PARTING_STEPS = ["parted", "incidents written", "groups written"]


def read(setting: Setting, step: str | None = None) -> None:
    """Read to the end and end; or stop at a step, and be killed there."""
    _run(_read_to_the_end, (setting,), step)


def split(setting: Setting, incident_id: str, service: str, step: str | None = None) -> None:
    """Take a service out of an incident, likewise."""
    _run(_split, (setting, incident_id, service), step)


def undo(setting: Setting, incident_id: str, step: str | None = None) -> None:
    """Put an incident back, likewise."""
    _run(_undo, (setting, incident_id), step)


def tell_spans(setting: Setting, step: str | None = None) -> None:
    """Tell what silences have begun or ended, likewise."""
    _run(_tell_spans, (setting,), step)


def tell_alerts(setting: Setting, step: str | None = None) -> None:
    """Tell muted alerts that no silence mutes any more, likewise."""
    _run(_tell_alerts, (setting,), step)


def _run(work: Callable[..., Any], given: tuple[Any, ...], step: str | None) -> None:
    ours, theirs = PROCESSES.Pipe(duplex=False)
    copy = PROCESSES.Process(target=_main, args=(work, given, step, theirs))
    copy.start()
    theirs.close()
    try:
        told = ours.recv() if ours.poll(_WITHIN_S) else "nothing"
    except EOFError:
        told = "its end"
    copy.kill()
    copy.join()
    assert told == ("done" if step is None else "stopped"), told


def _main(
    work: Callable[..., Any], given: tuple[Any, ...], step: str | None, parent: Connection
) -> None:
    async def stop(*_: Any, **__: Any) -> None:
        parent.send("stopped")
        await asyncio.Event().wait()

    if step is not None:
        patch, owner, name = _PLACES[step]
        patch(owner, name, stop)
    asyncio.run(work(*given))
    parent.send("done")


async def _read_to_the_end(setting: Setting) -> None:
    database, stream = Database(setting.database_url), _Stream(setting)
    config: Any = _Config(setting.calls)
    clock = _Clock(setting.now_s)
    agent = CorrelateAgent(database, config, clock, partition=0, partitions=1, owns=lambda: True)
    await stream.start()
    try:
        source: Any = stream
        await agent.run(source)
    finally:
        await stream.stop()
        await database.stop()


async def _split(setting: Setting, incident_id: str, service: str) -> None:
    database = Database(setting.database_url)
    await parting.split_incident(database, 0, incident_id, [service], "ada", setting.now_s)
    await database.stop()


async def _undo(setting: Setting, incident_id: str) -> None:
    database = Database(setting.database_url)
    await parting.undo_parting(database, 0, incident_id, "ada", setting.now_s)
    await database.stop()


async def _tell_spans(setting: Setting) -> None:
    database = Database(setting.database_url)
    await silence_spans.tell_spans(database, setting.now_s)
    await database.stop()


async def _tell_alerts(setting: Setting) -> None:
    database = Database(setting.database_url)
    producer = AIOKafkaProducer(bootstrap_servers=setting.broker_url)
    await producer.start()

    async def tell(alert: Detection) -> None:
        await producer.send_and_wait(setting.topic, msgspec.json.encode(alert), partition=0)

    await tell_unmuted(database, lambda _: False, tell)
    await producer.stop()
    await database.stop()
