"""Records of clients: failed when they wait too long, refused at once while the broker is away."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any, cast

import pytest
from aiokafka.errors import KafkaTimeoutError, RecordListTooLargeError
from aiokafka.producer.message_accumulator import MessageAccumulator

from liveops.clock import FakeClock
from liveops.errors import LiveOpsError, Refused, Unavailable
from liveops.kafka.ingest_sends import DEADLINE_S, STALL_S, IngestSends
from liveops.kafka.producer import Ack, Producer


class FakeProducer:
    """Gives futures that the test settles; `is_there` answers a ping."""

    def __init__(self) -> None:
        self.acks: list[Ack] = []
        self.is_there = False
        self.connects = True

    async def begin(self, *_: Any) -> Ack:
        if not self.connects:
            raise Unavailable("kafka")
        self.acks.append(asyncio.get_running_loop().create_future())
        return self.acks[-1]

    async def verdict_on(self, error: Exception) -> LiveOpsError:
        return Refused("") if isinstance(error, RecordListTooLargeError) else Unavailable("kafka")

    async def ping(self) -> bool:
        return self.is_there

    async def stop(self) -> None: ...


def sends() -> tuple[IngestSends, FakeProducer, FakeClock]:
    producer, clock = FakeProducer(), FakeClock()
    return IngestSends(cast(Producer, producer), clock), producer, clock


async def test_all_are_waited_for_and_one_failure_is_told() -> None:
    out, producer, _ = sends()
    acks = [await out.begin("svc", b"x") for _ in range(3)]
    settling = asyncio.create_task(out.settle(acks))
    producer.acks[0].set_exception(KafkaTimeoutError())
    producer.acks[1].set_result(cast(Any, None))
    await asyncio.sleep(0)
    assert not settling.done()
    producer.acks[2].set_result(cast(Any, None))
    with pytest.raises(Unavailable):
        await settling


async def test_a_record_that_is_never_taken_is_told_apart() -> None:
    out, producer, _ = sends()
    ack = await out.begin("svc", b"x")
    producer.acks[0].set_exception(RecordListTooLargeError())
    with pytest.raises(Refused):
        await out.settle([ack])


async def test_a_broker_that_does_not_acknowledge_is_away_and_gets_no_more() -> None:
    out, producer, clock = sends()
    await out.begin("svc", b"x")
    clock.advance(STALL_S)
    out.look()
    out.check()
    clock.advance(0.1)
    out.look()
    for _ in range(3):
        with pytest.raises(Unavailable):
            await out.begin("svc", b"x")
    assert len(producer.acks) == 1


async def test_one_acknowledgement_brings_it_back() -> None:
    out, producer, clock = sends()
    await out.begin("svc", b"x")
    clock.advance(STALL_S + 1)
    out.look()
    producer.acks[0].set_result(cast(Any, None))
    out.look()
    out.check()


async def test_what_is_overdue_fails_and_is_no_acknowledgement() -> None:
    out, _, clock = sends()
    ack = await out.begin("svc", b"x")
    clock.advance(DEADLINE_S)
    out.look()
    with pytest.raises(Unavailable):
        await out.settle([ack])
    with pytest.raises(Unavailable):
        out.check()


async def test_a_broker_without_anything_under_way_is_asked_until_it_is_back() -> None:
    out, producer, _ = sends()
    producer.connects = False
    with pytest.raises(Unavailable):
        await out.begin("svc", b"x")
    producer.is_there = producer.connects = True
    watching = asyncio.create_task(out.watch())
    try:
        async with asyncio.timeout(30):
            while True:
                try:
                    out.check()
                    break
                except Unavailable:
                    await asyncio.sleep(0)
    finally:
        watching.cancel()
    await out.begin("svc", b"x")


def test_aiokafka_takes_a_record_as_we_give_it() -> None:
    names = list(inspect.signature(MessageAccumulator.add_message).parameters)
    assert names == ["self", "tp", "key", "value", "timeout", "timestamp_ms", "headers"]
