"""Runs the shop: declares its topology, sends a warm-up history, then lives on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from liveops.client import MAX_BATCH, AsyncClient
from liveops.clock import Clock
from liveops.demo.faults import Fault, schedule
from liveops.demo.shop import BY_NAME, edges
from liveops.demo.signals import Reading, readings
from schema.times import format_time, parse_time_s

#: Event time sent at once before the live part, so that the rules know the shop's days.
WARM_UP_S = 2 * 86_400.0
#: Distance of readings in that history, and in its last part; live it is 1 / rate.
HISTORY_STEP_S = 30.0
RECENT_S = 900.0
CATCH_UP_STEP_S = 5.0
#: Further behind than this is catching up.
_BEHIND_S = 15.0
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to run: `rate` readings a second of each metric; `duration_s` live or endless.

    Without `faults` the shop has quiet days only, to see that nothing is reported.
    """

    seed: int
    rate: float = 1.0
    duration_s: float | None = None
    faults: bool = True


class FaultBook:
    """Which faults are active, announced when they begin and end."""

    def __init__(self, coming: Iterator[Fault], say: Say) -> None:
        self._coming = coming
        self._next = next(coming, None)
        self._active: list[Fault] = []
        self._say = say

    def at(self, at_s: float) -> list[Fault]:
        """Faults active at a moment; moments must not go backwards."""
        for fault in [item for item in self._active if item.end_s <= at_s]:
            self._active.remove(fault)
            self._say(f"{format_time(at_s)[11:19]} fault over: {fault.kind} of {fault.service}")
        while self._next is not None and self._next.start_s <= at_s:
            fault, self._next = self._next, next(self._coming, None)
            self._active.append(fault)
            self._say(f"{format_time(at_s)[11:19]} fault injected: {fault.announcement()}")
            self._say(f"         expected: {fault.expectation()}")
        return self._active


async def run(client: AsyncClient, clock: Clock, plan: Plan, say: Say) -> None:
    """Send until the duration is over; raises Unavailable or InvalidInput."""
    say(f"demo shop: {len(BY_NAME)} services, seed {plan.seed}")
    await client.declare_topology(edges())
    noise = Random(plan.seed)  # noqa: S311 - a synthetic signal, no secret
    start_s = await _history_from_s(client, clock.now_s())
    say(f"sending {(clock.now_s() - start_s) / 60:.0f} minutes of history")
    live_s = await _catch_up(client, clock, start_s, noise)
    say("history sent, now live")
    coming = schedule(Random(f"faults {plan.seed}"), live_s)  # noqa: S311 - as above
    book = FaultBook(coming if plan.faults else iter(()), say)
    end_s = None if plan.duration_s is None else live_s + plan.duration_s
    await _live(client, clock, live_s, end_s, 1 / plan.rate, book, noise)


async def _history_from_s(client: AsyncClient, now_s: float) -> float:
    """Warm-up start: never before what an earlier run has already sent."""
    seen = [
        parse_time_s(item["last_seen"])
        for item in await client.services()
        if item["service_name"] in BY_NAME and item.get("last_seen")
    ]
    return max([now_s - WARM_UP_S, *(at_s + 1 for at_s in seen)])


async def _catch_up(client: AsyncClient, clock: Clock, start_s: float, rng: Random) -> float:
    """Send the past in order, without faults; returns the first moment not yet sent."""
    at_s, waiting = start_s, list[Reading]()
    while at_s < clock.now_s() - CATCH_UP_STEP_S:
        waiting += readings(at_s, (), rng)
        is_long_ago = at_s < clock.now_s() - RECENT_S
        at_s += HISTORY_STEP_S if is_long_ago else CATCH_UP_STEP_S
        if len(waiting) + 5 * len(BY_NAME) > MAX_BATCH:
            await send(client, waiting)
            waiting.clear()
    await send(client, waiting)
    return at_s


async def _live(
    client: AsyncClient,
    clock: Clock,
    at_s: float,
    end_s: float | None,
    step_s: float,
    book: FaultBook,
    rng: Random,
) -> None:
    """One batch a step, on time; after an outage the gap is filled with wider steps."""
    while end_s is None or at_s < end_s:
        ahead_s = at_s - clock.now_s()
        if ahead_s > 0:
            await asyncio.sleep(ahead_s)
        await send(client, readings(at_s, book.at(at_s), rng))
        at_s += CATCH_UP_STEP_S if ahead_s < -_BEHIND_S else step_s


async def send(client: AsyncClient, batch: list[Reading]) -> None:
    """Send readings in as many calls as are needed; raises Unavailable or InvalidInput."""
    body: list[dict[str, Any]] = [
        {
            "service_name": reading.service_name,
            "metric_type": reading.metric_type,
            "value": reading.value,
            "timestamp": round(reading.at_s, 3),
        }
        for reading in batch
    ]
    for first in range(0, len(body), MAX_BATCH):
        await client.send(body[first : first + MAX_BATCH])
