"""A storm: many branches, of which no topology is known, become slow at one moment."""

from __future__ import annotations

import asyncio
from random import Random

from liveops.client import MAX_BATCH, AsyncClient
from liveops.clock import Clock
from liveops.demo.run import HISTORY_STEP_S, Plan, Say, send
from liveops.demo.signals import Reading, load
from schema.times import format_time

BRANCHES = tuple(f"branch-{number:02d}" for number in range(1, 25))
#: Event time sent at once before the live part.
_HISTORY_S = 6 * 3600.0
#: From the first live moment until it begins, and how long it lasts.
_AFTER_S, _LASTS_S = 20.0, 120.0
_SLOWER = 6.0
_LATENCY_MS, _NOISE = 80.0, 0.08


def readings(at_s: float, slower: float, rng: Random) -> list[Reading]:
    """Latency of every branch, so many times the usual."""
    level = _LATENCY_MS * (0.8 + 0.2 * load(at_s)) * slower
    return [
        Reading(name, "latency_ms", round(level * rng.lognormvariate(0, _NOISE), 3), at_s)
        for name in BRANCHES
    ]


async def run(client: AsyncClient, clock: Clock, plan: Plan, say: Say) -> None:
    """Send history, the storm and what is after it; raises Unavailable or InvalidInput."""
    rng = Random(plan.seed)  # noqa: S311 - a synthetic signal, no secret
    say(f"demo storm: {len(BRANCHES)} branches, seed {plan.seed}")
    live_s = await _history(client, clock, rng)
    begin_s, step_s, at_s = live_s + _AFTER_S, 1 / plan.rate, live_s
    end_s = live_s + (plan.duration_s or _AFTER_S + 2 * _LASTS_S)
    told = ""
    while at_s < end_s:
        await asyncio.sleep(max(0.0, at_s - clock.now_s()))
        blows = begin_s <= at_s < begin_s + _LASTS_S
        news = _news(blows=blows, over=at_s >= begin_s + _LASTS_S)
        if news != told:
            told = news
            say(f"{format_time(at_s)[11:19]} {news}")
        await send(client, readings(at_s, _SLOWER if blows else 1.0, rng))
        at_s += step_s


async def _history(client: AsyncClient, clock: Clock, rng: Random) -> float:
    """Quiet hours; returns the first moment not yet sent."""
    at_s, waiting = clock.now_s() - _HISTORY_S, list[Reading]()
    while at_s < clock.now_s():
        waiting += readings(at_s, 1.0, rng)
        at_s += HISTORY_STEP_S
        if len(waiting) + len(BRANCHES) > MAX_BATCH:
            await send(client, waiting)
            waiting.clear()
    await send(client, waiting)
    return at_s


def _news(*, blows: bool, over: bool) -> str:
    if over:
        return "storm over"
    if blows:
        return f"storm: latency of all branches ×{_SLOWER:.0f}; expected: one incident of them all"
    return "history sent, now live"
