"""A log shorter than the state of its windows: the partition is quarantined, others go on."""

from __future__ import annotations

from typing import Any, cast

from agents.windows.agent import WindowAgent
from liveops.windows.state import WindowLimits
from schema.topics import RAW, RAW_KEYED
from tests.windows_model import Log, right_partition

SERVICE = "shop"
HOME = right_partition(SERVICE, 2)


class Table:
    """The recovered table of a worker."""

    def __init__(self, data: dict[bytes, bytes]) -> None:
        self.data = data


def agent_of(log: Log, released: list[Any]) -> WindowAgent:
    """An agent that has recovered what the log's owner stored."""
    stored = log.owners[HOME].table.data
    nothing = cast(Any, None)
    agent = WindowAgent(
        cast(Any, Table(stored)),
        nothing,
        nothing,
        WindowLimits(),
        partitions=2,
        max_age_s=1e9,
        release=released.append,
    )
    agent.load({0, 1})
    return agent


def stored_log(records: int) -> Log:
    log = Log(2, WindowLimits())
    for n in range(records):
        item = {"service_name": SERVICE, "metric_type": "cpu", "value": n}
        log.append(HOME, 1_700_000_100.0, item)
    log.read(HOME, RAW, records)
    log.checkpoint(HOME)
    return log


def test_a_log_that_ends_where_it_was_read_to_is_folded_on() -> None:
    agent = agent_of(stored_log(5), [])
    agent.quarantine({HOME: 5, 1 - HOME: 0})
    assert not agent.quarantined
    assert set(agent.owned) == {0, 1}


async def test_a_recreated_topic_is_quarantined_with_one_line_and_its_chunks_released() -> None:
    released: list[Any] = []
    agent = agent_of(stored_log(5), released)
    agent.quarantine({HOME: 4, 1 - HOME: 0})
    assert set(agent.owned) == {1 - HOME}
    (line,) = agent.quarantined.values()
    assert f"{RAW}/{HOME} ends at offset 4" in line
    assert "\n" not in line

    class Event:
        class message:
            partition = HOME
            topic = RAW

    await agent.take(cast(Any, Event))
    assert released == [Event]


def test_a_partition_that_holds_forwards_of_a_recreated_one_is_quarantined_too() -> None:
    log, wrong = Log(2, WindowLimits()), 1 - HOME
    for n in range(5):
        item = {"service_name": SERVICE, "metric_type": "cpu", "value": n}
        log.append(wrong, 1_700_000_100.0, item)
    log.read(wrong, RAW, 5)
    log.read(HOME, RAW_KEYED, 5)
    log.checkpoint(HOME)
    agent = agent_of(log, [])
    agent.quarantine({HOME: 0, wrong: 5})
    assert set(agent.owned) == {0, 1}
    agent.quarantine({HOME: 0, wrong: 4})
    assert set(agent.owned) == {wrong}
    assert f"{RAW}/{wrong} ends at offset 4" in agent.quarantined[HOME]
