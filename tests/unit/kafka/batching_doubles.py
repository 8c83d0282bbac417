"""A consumer of the batching transport that is never started, and what it is given."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, Mock

import faust
import pytest
from aiokafka.consumer import consumer as consumer_module
from aiokafka.consumer import fetcher
from faust.types import TP
from faust.types.tuples import Message

from liveops.kafka import batching
from liveops.kafka.batching import Consumer
from liveops.kafka.chunks import Chunk, Fetched

BATCHED, PLAIN = "unit.batched", "unit.plain"
TP0, OTHER = TP(BATCHED, 0), TP(PLAIN, 0)


def record(offset: int, size: int = 1) -> Any:
    return SimpleNamespace(
        topic=PLAIN,
        partition=0,
        offset=offset,
        timestamp=1000 * offset,
        timestamp_type=1,
        key=b"k",
        value=b"v" * size,
        headers=[],
        checksum=None,
        serialized_key_size=1,
        serialized_value_size=size,
    )


@pytest.fixture
async def consumer(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A consumer of an app that is never started."""
    monkeypatch.setattr(fetcher, "PartitionRecords", fetcher.PartitionRecords)
    monkeypatch.setattr(fetcher, "FetchResult", fetcher.FetchResult)
    monkeypatch.setattr(consumer_module, "GroupCoordinator", consumer_module.GroupCoordinator)
    batching.register()
    app: Any = faust.App("unit", broker="batched://localhost", store="memory://")
    app.batched_topics = frozenset({BATCHED})
    app.topics._acking_topics.update({BATCHED, PLAIN})
    found = app.consumer
    assert isinstance(found, Consumer)
    return found


def fetched(*records: Any) -> Fetched:
    """What the consumer's thread gives of a batched topic, read from compressed batches."""
    found = Fetched()
    found.extend(records)
    found.append_ms.extend(item.timestamp for item in records)
    found.compressed = True
    return found


def deliver(consumer: Any, first: int, last: int, *, tracked: bool = True) -> Message:
    """What Faust makes of a chunk, up to the agent; untracked is a chunk it skips."""
    records = [record(offset) for offset in range(first, last + 1)]
    message: Message = consumer._to_message(TP0, Chunk(BATCHED, 0, records))
    consumer._hand_on(TP0, message)
    message.refcount = 1
    message.tracked = tracked
    if tracked:
        consumer.unacked.add(message)
    return message


def committable(consumer: Any) -> dict[TP, int]:
    """What Faust would commit now."""
    found: dict[TP, int] = consumer._filter_committable_offsets(list(consumer._acked))
    return found


async def fetch(consumer: Any, answer: dict[TP, list[Any]], highwater: int = 0) -> Any:
    """`_getmany` over what the thread would have fetched."""
    consumer._thread.getmany = AsyncMock(return_value=answer)
    consumer._thread.highwater = Mock(return_value=highwater)
    return await consumer._getmany(set(answer), 1.0)
