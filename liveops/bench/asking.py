"""Questions of a benchmark, asked one at a time and in turn."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from liveops.bench.http_load import quantile
from liveops.bench.stack import Say

T = TypeVar("T")
_SEED = 16


async def in_turn(
    asks: Mapping[str, Callable[[random.Random, float], T]],
    one: Callable[[str, T], Awaitable[float]],
    rounds: int,
    say: Say,
) -> dict[str, list[float]]:
    """Milliseconds of each answer by question, sorted; the first round does not count.

    `asks` makes a question by chance and the time in epoch seconds, `one` asks it.
    """
    chance = random.Random(_SEED)  # noqa: S311 - which questions, always the same
    found: dict[str, list[float]] = {name: [] for name in asks}
    for number in range(rounds + 1):
        for name, ask in asks.items():
            took_ms = await one(name, ask(chance, time.time()))
            if number:
                found[name].append(took_ms)
    for name, taken in found.items():
        taken.sort()
        say(f"{name}: p50 {quantile(taken, 0.5):.1f} ms, p95 {quantile(taken, 0.95):.1f} ms")
    return found
