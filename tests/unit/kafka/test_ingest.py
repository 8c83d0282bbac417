"""From accepted metrics to records: of bounded count and bounded size, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any, cast

import orjson
import pytest

from liveops.errors import Unavailable
from liveops.kafka.ingest import MAX_RECORD_BYTES, PER_RECORD, Record, publish_records, records
from liveops.kafka.ingest_sends import IngestSends
from schema.metrics import Metric

HUGE = {f"{n}{'x' * 250}": "\x01" * 256 for n in range(10, 26)}


def metrics(count: int, tags: dict[str, str]) -> list[Metric]:
    return [Metric("", "svc", f"m{n}", float(n), tags, 0.0) for n in range(count)]


def items(value: bytes) -> list[dict[str, Any]]:
    record = orjson.loads(value)
    assert record["service_name"] == "svc"
    return list(record.get("metrics", [record]))


def test_a_call_within_the_limits_makes_no_record_that_the_broker_refuses() -> None:
    made = list(records(metrics(700, HUGE)))
    assert max(len(value) for _, value in made) <= MAX_RECORD_BYTES
    assert [item["metric_type"] for _, v in made for item in items(v)] == [
        f"m{n}" for n in range(700)
    ]


def test_usual_metrics_travel_many_in_a_record() -> None:
    made = list(records(metrics(PER_RECORD + 1, {"az": "a"})))
    assert [len(items(value)) for _, value in made] == [PER_RECORD, 1]


class Broker:
    """Acknowledges when it is told to; is away for some values."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.under_way = 0
        self.most_under_way = 0
        self.acknowledged: list[bytes] = []

    async def begin(self, service: str, value: bytes) -> bytes:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        return value

    async def settle(self, values: list[bytes]) -> None:
        await self.may_answer.wait()
        self.under_way -= len(values)
        self.acknowledged += [value for value in values if value != b"lost"]
        if b"lost" in values:
            raise Unavailable("kafka")


def steps(*values: bytes) -> Iterator[Sequence[Record]]:
    yield from ([("svc", value)] for value in values)


async def test_nothing_is_over_before_all_is_acknowledged() -> None:
    broker = Broker()
    publishing = asyncio.create_task(publish_records(cast(IngestSends, broker), steps(b"a", b"b")))
    while broker.under_way < 2:
        await asyncio.sleep(0)
    assert not publishing.done()
    broker.may_answer.set()
    await publishing
    assert broker.acknowledged == [b"a", b"b"]


async def test_one_lost_record_is_told_and_the_others_are_waited_for() -> None:
    broker = Broker()
    broker.may_answer.set()
    with pytest.raises(Unavailable):
        await publish_records(cast(IngestSends, broker), steps(b"a", b"lost", b"b"))
    assert (broker.acknowledged, broker.under_way) == ([b"a", b"b"], 0)


async def test_large_records_wait_for_those_before() -> None:
    broker = Broker()
    broker.may_answer.set()
    await publish_records(cast(IngestSends, broker), steps(*[b"x" * 2**20] * 100))
    assert len(broker.acknowledged) == 100
    assert broker.most_under_way <= 17


async def test_what_fails_while_records_are_made_leaves_none_under_way() -> None:
    broker = Broker()
    broker.may_answer.set()

    def failing() -> Iterator[Sequence[Record]]:
        yield from steps(b"a")
        raise ValueError("made by hand")

    with pytest.raises(ValueError, match="made by hand"):
        await publish_records(cast(IngestSends, broker), failing())
    assert broker.acknowledged == [b"a"]
