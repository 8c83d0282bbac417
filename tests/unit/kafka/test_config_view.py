"""The view of `liveops.config` outlives whatever lies in the topic and whoever listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from liveops.kafka import config_view as module
from liveops.kafka.config_view import ConfigView
from liveops.metrics.worker import BAD_INTERNAL_RECORDS
from liveops.settings import Settings
from schema.topics import CONFIG

RULE = b'{"id":"r","name":"r","kind":"threshold","op":">","value":1}'
SILENCE = (
    b'{"id":"s","starts_at":"yesterday","ends_at":"2099-01-01T00:00:00Z",'
    b'"reason":"","created_by":""}'
)
Records = list[tuple[bytes | None, bytes | None]]


class Topic:
    """Stands for the consumer of the topic: all records at once, then none."""

    def __init__(self, records: Records, trouble: list[Exception] | None = None) -> None:
        self.records = records
        self.trouble = trouble or []
        self._read = 0
        self.waiting = asyncio.Event()

    def __call__(self, **_: Any) -> Topic:
        self._read = 0
        return self

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def assign(self, partitions: Any) -> None: ...

    async def seek_to_beginning(self, partition: Any) -> None: ...

    async def end_offsets(self, partitions: Any) -> dict[Any, int]:
        return {partition: len(self.records) for partition in partitions}

    async def position(self, partition: Any) -> int:
        return self._read

    async def getmany(self, timeout_ms: int) -> dict[Any, list[Any]]:
        await asyncio.sleep(0)
        if self.trouble:
            raise self.trouble.pop()
        new = [SimpleNamespace(key=k, value=v, offset=0) for k, v in self.records[self._read :]]
        self._read = len(self.records)
        if not new:
            self.waiting.set()
            await asyncio.sleep(0.01)
        return {"partition": new} if new else {}


@asynccontextmanager
async def following(
    topic: Topic, monkeypatch: pytest.MonkeyPatch, *listeners: Callable[[], None]
) -> AsyncIterator[ConfigView]:
    monkeypatch.setattr(module, "AIOKafkaConsumer", topic)
    view = ConfigView(Settings(broker_url="127.0.0.1:1"))
    for listener in listeners:
        view.subscribe(listener)
    await view.start()
    try:
        async with asyncio.timeout(5):
            await view.wait_ready()
        yield view
    finally:
        await view.stop()


def bad() -> float:
    value: float = BAD_INTERNAL_RECORDS.labels(CONFIG)._value.get()
    return value


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param(b"rule/\xff", RULE, id="key not UTF-8"),
        pytest.param(b"rule/x", b"\xff", id="value not JSON"),
        pytest.param(b"rule/x", b"[" * 100_000, id="deeply nested"),
        pytest.param(b"rule/x", b'{"id":1}', id="another shape"),
        pytest.param(b"silence/s", SILENCE, id="times that are none"),
        pytest.param(b"revoked/x", b'"soon"', id="no number"),
    ],
)
async def test_a_bad_record_is_counted_and_skipped(
    key: bytes, value: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bad()
    topic = Topic([(key, value), (None, RULE), (b"rule/r", RULE)])
    async with following(topic, monkeypatch) as view:
        assert view.rules.keys() == {"r"}
        assert view.silences == {}
    assert bad() - before >= 1


@pytest.mark.parametrize("error", [ValueError("x"), RuntimeError("x"), OSError("x")])
async def test_any_other_failure_starts_the_view_again(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with following(Topic([(b"rule/r", RULE)], [error]), monkeypatch) as view:
        assert view.rules.keys() == {"r"}


async def test_a_listener_that_fails_stops_neither_the_view_nor_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[int] = []

    def broken() -> None:
        raise ValueError("not a time")

    topic = Topic([(b"rule/r", RULE)])
    async with following(topic, monkeypatch, broken, lambda: told.append(1)) as view:
        assert told
        topic.waiting.clear()
        topic.records.append((b"rule/later", RULE))
        async with asyncio.timeout(5):
            await topic.waiting.wait()
        assert view.rules.keys() == {"r", "later"}
