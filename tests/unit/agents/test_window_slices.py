"""A chunk taken in slices: what may happen between two of them."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agents.windows import time_slicer
from agents.windows.agent import WindowAgent
from liveops.kafka.chunks import Chunk
from liveops.windows.row_buffer import flush
from liveops.windows.state import WindowLimits
from schema.topics import RAW
from tests.windows_model import Log, right_partition

SERVICE = "shop"
HOME = right_partition(SERVICE, 2)
COUNT = 1000


@pytest.fixture
def event(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A chunk of many slices."""
    monkeypatch.setattr(time_slicer, "thread_time", lambda: 0.0)
    log = Log(2, WindowLimits())
    for n in range(COUNT):
        item = {"service_name": SERVICE, "metric_type": "cpu", "value": n}
        log.append(HOME, 1_700_000_100.0, item)
    chunk = Chunk(RAW, HOME, log.records[(RAW, HOME)])
    return SimpleNamespace(message=SimpleNamespace(topic=RAW, partition=HOME, value=chunk))


def agent_of(released: list[Any]) -> WindowAgent:
    agent = WindowAgent(
        cast(Any, SimpleNamespace(data={})),
        cast(Any, None),
        cast(Any, SimpleNamespace(show=lambda records: None)),
        WindowLimits(),
        partitions=2,
        max_age_s=1e9,
        release=released.append,
    )
    agent.load({0, 1})
    return agent


def folded(agent: WindowAgent) -> float:
    state = agent.owned[HOME].windows.state
    flush(state)
    (service,) = state.services.values()
    (block,) = service.minutes.values()
    return float(block.columns(block.series())[0, 0])


async def begun(agent: WindowAgent, event: Any) -> asyncio.Task[None]:
    taking = asyncio.create_task(agent.take(event))
    await asyncio.sleep(0)  # the first slice
    assert not taking.done()
    return taking


async def test_all_slices_are_folded_and_the_chunk_is_acknowledged_as_one(event: Any) -> None:
    released: list[Any] = []
    agent = agent_of(released)
    taking = await begun(agent, event)
    assert agent.owned[HOME].unacknowledged == []  # a checkpoint acknowledges none of it
    await taking
    assert agent.owned[HOME].unacknowledged == [event]
    assert folded(agent) == COUNT
    assert released == []


async def test_a_partition_lost_and_won_between_two_slices_gets_nothing_of_the_rest(
    event: Any,
) -> None:
    released: list[Any] = []
    agent = agent_of(released)
    taking = await begun(agent, event)
    agent.give_up()
    agent.load({0, 1})
    await taking
    assert released == [event]
    assert agent.owned[HOME].unacknowledged == []
    assert agent.owned[HOME].windows.state.services == {}
