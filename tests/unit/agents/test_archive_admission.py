"""Before the archive writes a partition, PostgreSQL's offset is compared with the log."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from faust.types import TP

from agents.archive.agent import ArchiveAgent, FaustFlow, quarantine_reason
from liveops.kafka.offsets import Bounds
from liveops.postgres.database import Database
from tests.unit.agents.archive_doubles import TOPIC, Ends, Event, Flow, Offsets, Store, until
from web import actuator


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.archive.agent._LONGEST_PAUSE_S", 0.001)


def test_an_end_below_the_stored_offset_is_a_reason_in_one_line() -> None:
    tp = TP(TOPIC, 3)
    assert quarantine_reason(tp, 10, Bounds(0, 10)) == ""
    line = quarantine_reason(tp, 10, Bounds(0, 9))
    assert "metrics.raw/3 ends at offset 9" in line
    assert "\n" not in line


@pytest.mark.usefixtures("quick")
async def test_a_recreated_topic_is_quarantined_and_the_others_are_written() -> None:
    store, flow = Store(p0=0, p1=50), Flow()
    ends = Ends(p0=Bounds(0, 5), p1=Bounds(0, 5))
    agent = ArchiveAgent(cast(FaustFlow, flow), cast(Database, store), ends, {TOPIC: Offsets()})
    agent.assigned({TP(TOPIC, 0), TP(TOPIC, 1), TP("elsewhere", 0)})
    good, bad = Event(0, 4), Event(0, 4, partition=1)
    for event in (bad, good):
        await agent._writer(event.message.tp).put(cast(Any, event))
    await until(good)
    async with asyncio.timeout(5):
        await flow.changed.wait()
    assert (store.rows, store.transactions) == ([0, 1, 2, 3, 4], 1)
    assert (flow.released, flow.paused) == ([bad], [TP(TOPIC, 1)])
    assert not bad.acked.is_set()
    (line,) = agent.quarantine_reasons()
    checks: dict[str, actuator.Check] = {
        "offsets": lambda: "; ".join(agent.quarantine_reasons()) or True
    }
    answer = await actuator._health(checks, ("offsets",))
    assert answer.status == 503
    assert line in (answer.text or "")
    await agent.stop()


@pytest.mark.usefixtures("quick")
async def test_a_database_that_knows_less_than_kafka_gets_the_rest_again() -> None:
    store, flow = Store(p0=3), Flow()
    store.offset, flow.began = 3, 8
    ends = Ends(p0=Bounds(2, 10))
    agent = ArchiveAgent(cast(FaustFlow, flow), cast(Database, store), ends, {TOPIC: Offsets()})
    agent.assigned({TP(TOPIC, 0)})
    events = [Event(8, 9), Event(3, 7), Event(8, 9)]
    for event in events:
        await agent._writer(event.message.tp).put(cast(Any, event))
    await until(*events)
    assert flow.went_back == [(TP(TOPIC, 0), 3)]
    assert store.rows == [3, 4, 5, 6, 7, 8, 9]
    await agent.stop()
