"""Waiting until the product has nothing left to do, as long as it makes progress."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg
from aiokafka.errors import KafkaError

from tests.chaos.answers import archived_count
from tests.chaos.compare import Aggregated, compare_windows
from tests.chaos.log import DEADLETTER, DETECTED, GROUPS, AggregatedReader, Log
from tests.chaos.reference import Expected, WindowKey
from tests.chaos.stack import Stack
from tests.stack import TestStack

T = TypeVar("T")
LOOK_S = 1.0
#: Without any progress for so long it is over, done or not.
IDLE_S = 25.0
#: Also with progress, at some time it must be over.
LONGEST_READ_S = 180.0
LONGEST_S = 300.0
UP_WITHIN_S = 90.0
#: Not `liveops.detections`: marks on it come for ever.
SIGNS = ("liveops.windows.dirty", DETECTED, DEADLETTER)


async def everything_up(stack: Stack, say: Callable[[str], None]) -> None:
    """Wait until every process runs again."""
    for name in stack.processes():
        if await stack.until_up(name, UP_WITHIN_S) is None:
            say(f"{name} does not come up again")


async def lags(log: Log) -> dict[str, int | None]:
    """How far each group is behind."""
    return {group: await log.lag_or_none(group) for group in GROUPS}


async def until_read(log: Log, say: Callable[[str], None]) -> None:
    """Wait until no group lags, or nothing moves any more."""
    await _watch(
        lambda: lags(log), lambda seen: not any(seen.values()) and None not in seen.values(), say
    )


async def until_settled(
    log: Log,
    stack: Stack | TestStack,
    expected: dict[WindowKey, Expected],
    final_until_s: dict[str, float],
    say: Callable[[str], None],
) -> Aggregated:
    """Wait until all expected windows are there and nothing lags; what was read till then."""
    async with log.consumer() as consumer:
        reader = AggregatedReader(consumer, Aggregated())

        async def look() -> tuple[object, ...]:
            await reader.catch_up()
            latest = reader.found.latest()
            differing = len(compare_windows("", expected, latest, final_until_s))
            signs = await log.ends(*SIGNS)
            rows = await archived_count(stack.url("postgres"))
            behind = await lags(log)
            return differing, sum(behind_of(behind)), rows, len(latest), *signs.values()

        def is_done(seen: tuple[object, ...]) -> bool:
            return seen[0] == 0 and seen[1] == 0

        await _watch(look, is_done, say)
        return reader.found


def behind_of(behind: dict[str, int | None]) -> list[int]:
    """Lags as numbers; a group that cannot be asked counts as one behind."""
    return [1 if lag is None else lag for lag in behind.values()]


async def _watch(
    look: Callable[[], Awaitable[T]],
    is_done: Callable[[T], bool],
    say: Callable[[str], None],
    longest_s: float = LONGEST_S,
) -> None:
    """Look again and again until done twice in a row, idle, or out of time."""
    began_s = changed_s = time.monotonic()
    before: T | None = None
    twice = False
    while True:
        try:
            seen: T | None = await look()
        except (KafkaError, OSError, asyncpg.PostgresError) as error:
            say(f"waiting: {error!r}")
            seen = before
        now_s = time.monotonic()
        if seen != before:
            changed_s, before = now_s, seen
        done = seen is not None and is_done(seen)
        if done and twice:
            return
        twice = done
        if now_s - changed_s > IDLE_S or now_s - began_s > longest_s:
            say(f"no more progress after {now_s - began_s:.0f} s: {seen}")
            return
        await asyncio.sleep(LOOK_S)
