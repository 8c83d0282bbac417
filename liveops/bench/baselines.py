"""Runs a baseline in a process of its own; its start-up is not in its figure."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from typing import Literal

from liveops.bench.stack import PrivateStack
from liveops.embedded.logs import last_line, open_log
from liveops.embedded.workers import environment
from liveops.errors import StartError

#: Metrics the stock agent is given: enough for a steady figure at its pace.
STOCK_METRICS = 25_000
_DEADLINE_S = 180.0


async def raw(stack: PrivateStack, metrics: int, how: Literal["read", "cut"] = "read") -> float:
    """Metrics a second of aiokafka, orjson and a dict over the whole topic.

    `cut` does not read the times (see `liveops.bench.raw`).
    """
    return await _run(stack, "raw", metrics, how)


async def stock(stack: PrivateStack, metrics: int) -> float:
    """Metrics a second of a stock Faust agent over the start of the topic."""
    folder = str(stack.layout.root / "stock")
    return await _run(stack, "stock", min(metrics, STOCK_METRICS), folder)


async def _run(stack: PrivateStack, name: str, metrics: int, *more: str) -> float:
    log = stack.layout.log(name)
    arguments = (stack.broker, str(stack.partitions), str(metrics), *more)
    with open_log(log) as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            f"liveops.bench.{name}",
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=environment({}),
            start_new_session=True,
        )
    try:
        async with asyncio.timeout(_DEADLINE_S):
            output, _ = await process.communicate()
    except TimeoutError:
        raise StartError(f"baseline {name}: not done in {_DEADLINE_S:.0f} s") from None
    finally:
        with suppress(ProcessLookupError):
            process.kill()
    if process.returncode != 0:
        raise StartError(f"baseline {name}: {last_line(log)}")
    result = json.loads(output.splitlines()[-1])
    return float(result["metrics"] / result["seconds"])
