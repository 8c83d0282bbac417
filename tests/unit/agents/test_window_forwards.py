"""Forwards go out in the order of the chunks while later chunks are read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

from agents.windows.agent import WindowAgent
from liveops.kafka.chunks import Chunk
from liveops.kafka.producer import Outgoing
from liveops.windows.state import WindowLimits
from schema.topics import RAW, RAW_KEYED
from tests.windows_model import Log, right_partition

SERVICE = "shop"
WRONG = 1 - right_partition(SERVICE, 2)


class Broker:
    """A producer that answers when it is let."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.sent: list[bytes | None] = []

    async def send_in_order(self, topic: str, partition: int, records: Sequence[Outgoing]) -> None:
        assert (topic, partition) == (RAW_KEYED, 1 - WRONG)
        await self.open.wait()
        self.sent += [record.value for record in records]


def chunks(count: int) -> list[Any]:
    """Events of one record each on the wrong partition."""
    log = Log(2, WindowLimits())
    for n in range(count):
        log.append(
            WRONG, 1_700_000_100.0, {"service_name": SERVICE, "metric_type": "cpu", "value": n}
        )
    events: list[Any] = []
    for record in log.records[(RAW, WRONG)]:
        message = SimpleNamespace(
            topic=RAW, partition=WRONG, value=Chunk(RAW, WRONG, [record]), offset=record.offset
        )
        events.append(SimpleNamespace(message=message))
    return events


async def test_reading_goes_on_and_the_order_stays() -> None:
    broker = Broker()
    shown = SimpleNamespace(show=lambda records: None)
    agent = WindowAgent(
        cast(Any, SimpleNamespace(data={})),
        cast(Any, broker),
        cast(Any, shown),
        WindowLimits(),
        partitions=2,
        max_age_s=1e9,
        release=lambda event: None,
    )
    agent.load({0, 1})
    events = chunks(5)
    for event in events:
        await agent.take(event)
    owned = agent.owned[WRONG]
    assert owned.unacknowledged == events
    assert owned.sending is not None
    assert not owned.sending.done()  # a checkpoint acknowledges none of them yet
    assert broker.sent == []
    broker.open.set()
    await owned.sending
    assert broker.sent == [event.message.value.records[0].value for event in events]
