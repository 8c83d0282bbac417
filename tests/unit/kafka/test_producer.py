"""A producer that is broken for good is replaced; a record that is, is told apart."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import errors
from aiokafka.producer.message_accumulator import MessageAccumulator
from aiokafka.producer.sender import Sender

from liveops.errors import LiveOpsError, Unavailable
from liveops.kafka import producer as module
from liveops.kafka.producer import Outgoing, Producer
from liveops.settings import Settings


class Broker:
    """Makes producers; the n-th sends with the n-th of `outcomes`, later ones well."""

    def __init__(self, *outcomes: Exception) -> None:
        self.outcomes = list(outcomes)
        self.made: list[FakeProducer] = []

    def __call__(self, **options: Any) -> FakeProducer:
        number = len(self.made)
        outcome = self.outcomes[number] if number < len(self.outcomes) else None
        self.made.append(FakeProducer(outcome))
        return self.made[-1]


class FakeProducer:
    def __init__(self, outcome: Exception | None) -> None:
        self.outcome = outcome
        self.stopped = False
        cluster = SimpleNamespace(partitions_for_topic=lambda topic: {0, 1})
        self.client = SimpleNamespace(fetch_all_metadata=self._answer, cluster=cluster)
        self._message_accumulator = SimpleNamespace(
            add_message=self._add, _closed=False, _exception=None
        )

    async def _answer(self) -> None:
        if self.outcome is not None:
            raise self.outcome

    async def start(self) -> None: ...

    async def stop(self) -> None:
        self.stopped = True

    async def send(self, *_: Any, **__: Any) -> asyncio.Future[None]:
        for _turn in range(20):
            await asyncio.sleep(0)  # calls that began together are all under way
        acked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.outcome is None:
            acked.set_result(None)
        else:
            acked.set_exception(self.outcome)
        return acked

    async def _add(self, *_: Any, **__: Any) -> asyncio.Future[None]:
        if self._message_accumulator._exception is not None:
            raise self._message_accumulator._exception
        return asyncio.get_running_loop().create_future()

    def die(self, error: Exception) -> None:
        """As when its sender ends."""
        self._message_accumulator._exception = error

    async def partitions_for(self, topic: str) -> set[int]:
        await self._answer()
        return {0, 1}

    def create_batch(self) -> Any:
        return SimpleNamespace(append=lambda **_: True)

    async def send_batch(self, *_: Any, **__: Any) -> asyncio.Future[None]:
        return await self.send()


@pytest.fixture
def settings() -> Settings:
    return Settings(broker_url="127.0.0.1:1")


FATAL = [
    errors.ProducerFenced(),
    errors.ProducerClosed(),
    errors.UnknownProducerId(),
    errors.OutOfOrderSequenceNumber(),
    errors.InvalidProducerEpoch(),
    errors.KafkaError("Unexpected error during batch delivery"),
]


@pytest.mark.parametrize("error", FATAL, ids=lambda error: type(error).__name__)
async def test_a_broken_producer_is_replaced_whatever_the_call(
    error: Exception, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for call in ("send", "send_in_order", "partitions"):
        broker = Broker(error)
        monkeypatch.setattr(module, "AIOKafkaProducer", broker)
        producer = Producer(settings)
        arguments: dict[str, tuple[Any, ...]] = {
            "send": ("t", "k", b"v"),
            "send_in_order": ("t", 0, [Outgoing("k", b"v")]),
            "partitions": ("t",),
        }
        with pytest.raises(Unavailable):
            await getattr(producer, call)(*arguments[call])
        await getattr(producer, call)(*arguments[call])
        assert [made.stopped for made in broker.made] == [True, False], call


async def test_trouble_that_passes_keeps_the_producer(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Broker(errors.NotLeaderForPartitionError())
    monkeypatch.setattr(module, "AIOKafkaProducer", broker)
    producer = Producer(settings)
    with pytest.raises(Unavailable):
        await producer.send("t", "k", b"v")
    broker.made[0].outcome = None
    await producer.send("t", "k", b"v")
    assert len(broker.made) == 1


async def test_calls_that_fail_together_replace_the_producer_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Broker(errors.ProducerFenced())
    monkeypatch.setattr(module, "AIOKafkaProducer", broker)
    producer = Producer(settings)
    sent = await asyncio.gather(
        *(producer.send("t", "k", b"v") for _ in range(5)), return_exceptions=True
    )
    assert all(isinstance(outcome, Unavailable) for outcome in sent)
    await producer.send("t", "k", b"v")
    assert len(broker.made) == 2


@pytest.mark.parametrize(
    "error", [errors.MessageSizeTooLargeError(), errors.RecordListTooLargeError()]
)
async def test_a_record_that_can_never_be_sent_is_no_trouble_of_the_broker(
    error: Exception, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AIOKafkaProducer", Broker(error))
    producer = Producer(settings)
    with pytest.raises(LiveOpsError) as refused:
        await producer.send("t", "k", b"v")
    assert not refused.value.retryable
    await producer.send("t", "k", b"v")


def test_aiokafka_sends_by_the_step_that_is_held_back() -> None:
    assert "_send_produce_req" in Sender._sender_routine.__code__.co_names


@pytest.mark.parametrize("error", FATAL, ids=lambda error: type(error).__name__)
async def test_a_dead_producer_is_replaced_when_a_record_is_handed_over(
    error: Exception, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Broker()
    monkeypatch.setattr(module, "AIOKafkaProducer", broker)
    producer = Producer(settings)
    await producer.begin("t", "k", b"v")
    broker.made[0].die(error)
    with pytest.raises(Unavailable):
        await producer.begin("t", "k", b"v")
    await producer.begin("t", "k", b"v")
    assert [made.stopped for made in broker.made] == [True, False]


async def test_a_late_failure_of_a_dead_producer_leaves_its_successor(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Broker()
    monkeypatch.setattr(module, "AIOKafkaProducer", broker)
    producer = Producer(settings)
    await producer.begin("t", "k", b"v")
    broker.made[0].die(errors.ProducerFenced())
    assert isinstance(await producer.verdict_on(errors.ProducerFenced()), Unavailable)
    await producer.begin("t", "k", b"v")
    assert isinstance(await producer.verdict_on(errors.ProducerFenced()), Unavailable)
    assert [made.stopped for made in broker.made] == [True, False]


def test_aiokafka_tells_whether_a_producer_is_dead() -> None:
    names = MessageAccumulator.add_message.__code__.co_names
    assert {"_closed", "_exception"} <= set(names)
