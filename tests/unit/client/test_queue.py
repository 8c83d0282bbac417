"""The queue never waits, loses nothing while it has room, and counts what it cannot keep."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from liveops.client import MAX_BATCH, Client, MetricQueue
from liveops.errors import InvalidInput, Unavailable
from tests.unit.client.doubles import accepted, busy, fake

ROOT = Path(__file__).resolve().parents[3]
METRIC = {"service_name": "a", "metric_type": "m", "value": 1}


class Sent(Client):
    """Takes bodies instead of sending them; `fault` is raised until it is taken away."""

    def __init__(self) -> None:
        super().__init__("http://liveops", token="t")
        self.bodies: list[tuple[str, list[dict[str, Any]]]] = []
        self.fault: Exception | None = None
        self.tried = threading.Event()

    def send_partial(
        self, body: bytes, key: str, *, until: threading.Event | None = None
    ) -> list[tuple[int, str]]:
        self.tried.set()
        if self.fault is not None:
            raise self.fault
        self.bodies.append((key, orjson.loads(body)))
        return [(at, "odd") for at, item in enumerate(self.bodies[-1][1]) if "odd" in item]


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def queue(sent: Sent) -> Iterator[MetricQueue]:
    queue = MetricQueue(sent, capacity=3000, interval_s=3600)
    yield queue
    sent.fault = None
    queue.close()


def counts(queue: MetricQueue) -> tuple[int, int, int]:
    return queue.accepted, queue.rejected, queue.dropped


def test_what_was_put_is_sent_in_order_with_its_time(sent: Sent, queue: MetricQueue) -> None:
    for value in range(MAX_BATCH + 5):
        assert queue.put(METRIC | {"value": value})
    assert queue.flush()
    values = [item["value"] for _, body in sent.bodies for item in body]
    assert values == list(range(MAX_BATCH + 5))
    assert all(item["timestamp"] > 0 for _, body in sent.bodies for item in body)
    assert counts(queue) == (MAX_BATCH + 5, 0, 0)


def test_what_there_is_no_room_for_is_dropped_and_counted(sent: Sent, queue: MetricQueue) -> None:
    sent.fault = Unavailable("LiveOps", wait_s=3600)
    taken = [queue.put(METRIC) for _ in range(3005)]
    assert taken == [True] * 3000 + [False] * 5
    assert sent.tried.wait(10)
    queue.close(timeout_s=0.01)
    assert counts(queue) == (0, 0, 3005)
    assert not queue.put(METRIC)


def test_what_is_refused_is_counted_and_the_rest_goes_on(sent: Sent, queue: MetricQueue) -> None:
    queue.put(METRIC | {"odd": 1})
    queue.put(METRIC)
    assert queue.flush()
    assert counts(queue) == (1, 1, 0)
    sent.fault = InvalidInput("403")
    queue.put(METRIC)
    assert queue.flush()
    assert counts(queue) == (1, 2, 0)
    with pytest.raises(InvalidInput):
        queue.put(METRIC | {"value": object()})


async def test_an_outage_is_waited_out_under_one_key() -> None:
    async with fake(busy, busy, accepted) as server:
        client = Client(server.url, token="t", patience_s=0)
        queue = MetricQueue(client)
        queue.put(METRIC)
        assert await asyncio.to_thread(queue.flush)
        await asyncio.to_thread(queue.close)
    assert len({key for key, _, _ in server.calls}) == 1
    assert (len(server.calls), queue.accepted) == (3, 1)


async def test_the_end_of_the_program_sends_what_is_left() -> None:
    program = (
        "import sys; from liveops.client import Client, MetricQueue\n"
        "queue = MetricQueue(Client(sys.argv[1], token='t'), interval_s=3600)\n"
        "queue.put({'service_name': 'a', 'metric_type': 'm', 'value': 42})\n"
    )
    async with fake(accepted) as server:
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", program, server.url],
            cwd=ROOT, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    ((_, body, _),) = server.calls
    assert orjson.loads(body)[0]["value"] == 42


def test_a_source_gives_all_it_has_when_it_is_flushed(sent: Sent, queue: MetricQueue) -> None:
    asked: list[bool] = []

    def source(is_flush: bool) -> Iterator[dict[str, Any]]:
        asked.append(is_flush)
        yield METRIC

    queue.add_source(source)
    assert queue.flush()
    assert asked[-1] is True
    assert queue.accepted == len(asked)
