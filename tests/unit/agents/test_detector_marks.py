"""Marks tell how far partitions were judged; deleted services are no more."""

from __future__ import annotations

import asyncio

from schema.incidents import Mark
from schema.times import format_time
from tests.aggregates import window
from tests.unit.agents.test_detector_upkeep import World


async def test_marks_tell_what_each_partition_was_judged_up_to() -> None:
    world = World()
    sending = asyncio.create_task(world.upkeep.send_marks())
    first, later = window(0, 1.0), window(5, 1.0, service_name="other")
    await world.read(first, later)
    world.clock.advance(later.broker_time_s + 7 - world.clock.now_s())
    async with asyncio.timeout(5):
        while not world.broker.sent:
            await asyncio.sleep(0)
    sending.cancel()
    # The service furthest on is at the start of its window; 7 s have passed since its record.
    mark = Mark(0, format_time(later.start_s + 7.0), live=0, silent_s=7.0)
    assert world.broker.sent[0] == mark


async def test_before_everything_is_read_a_mark_stays_behind_the_records() -> None:
    world = World()
    await world.read(window(0, 1.0), window(5, 1.0))
    world.clock.advance(1e6)
    assert world.agent.services.marks([0], None) == [Mark(0, format_time(window(5, 1.0).start_s))]
    assert world.agent.services.marks([1], None) == []


async def test_marks_say_how_many_services_live_and_how_long_they_are_silent() -> None:
    world = World()
    for minute in range(12):
        for name in ("a", "b") if minute < 8 else ("a",):
            await world.read(window(minute, 1.0, service_name=name))
    await world.read(window(11, 1.0, service_name="new"))
    (mark,) = world.agent.services.marks([0], window(11, 1.0).broker_time_s + 30.0)
    assert (mark.live, mark.silent_s) == (1, 30.0)
    (before,) = world.agent.services.marks([0], None)
    assert (before.live, before.silent_s) == (1, 0.0)


async def test_no_marks_are_sent_without_an_assignment() -> None:
    world = World()
    await world.upkeep.suspend()
    sending = asyncio.create_task(world.upkeep.send_marks())
    for _ in range(10):
        await asyncio.sleep(0)
    sending.cancel()
    assert world.broker.sent == []


async def test_a_deleted_service_is_no_more_until_it_reports_again() -> None:
    world = World()
    last = [window(minute, 1.0) for minute in range(10)][-1]
    for minute in range(10):
        await world.read(window(minute, 1.0))
    world.deleted["svc"] = last.broker_time_s - 1
    world.clock.advance(last.broker_time_s + 5 - world.clock.now_s())
    await world.upkeep.look_for_absence()
    assert list(world.agent.services.by_name) == ["svc"]
    world.deleted["svc"] = last.broker_time_s + 3
    await world.upkeep.look_for_absence()
    assert world.agent.services.by_name == {}
    assert await world.stored() == []
    await world.read(window(11, 1.0))
    await world.upkeep.look_for_absence()
    assert list(world.agent.services.by_name) == ["svc"]
