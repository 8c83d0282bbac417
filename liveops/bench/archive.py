"""How fast the archive worker stores a topic that is already full."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import asyncpg

from liveops.bench.fill import fill
from liveops.bench.gate import GateError
from liveops.bench.plan import Plan
from liveops.bench.readings import ARCHIVED, Reading, began_s, counter
from liveops.bench.records import Load
from liveops.bench.stack import PrivateStack, Say, private_stack
from liveops.embedded.logs import last_line
from liveops.embedded.part import Running

WORKER = "archive"
POLL_S = 0.5
#: A worker that stores nothing for this long has failed.
STALL_S = 60.0
_COUNT = "SELECT count(*), count(DISTINCT id) FROM metrics"


async def measure(plan: Plan, load: Load, say: Say) -> float:
    """Raw rows a second, from the first record until the last row is committed.

    Raises GateError unless each metric is one row in the end.
    """
    async with private_stack(plan.place, say) as stack:
        await fill(stack.broker, load, stack.partitions)
        say(f"{load.metrics} metrics on the topic")
        spawned_s = time.time()
        looks = await _watch(stack.spawn_worker(WORKER), load)
        await _check(stack, load)
        await stack.stop_worker()
    speed = load.metrics / (looks[-1].at_s - began_s(looks, spawned_s))
    say(f"each is one row; {speed:.0f} rows/s")
    return speed


async def _watch(running: Running, load: Load) -> list[Reading]:
    """Look at the worker until all rows are stored."""
    looks: list[Reading] = []
    progress_s = time.monotonic()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        while not looks or looks[-1].moved < load.metrics:
            await asyncio.sleep(POLL_S)
            rows = await _rows(session, running)
            if rows is not None:
                if not looks or rows != looks[-1].moved:
                    progress_s = time.monotonic()
                looks.append(Reading(time.time(), 0.0, rows, 0, None))
            if running.exit_code is not None or time.monotonic() - progress_s > STALL_S:
                raise GateError(
                    f"the archive stored {looks[-1].moved if looks else 0:.0f} of {load.metrics} "
                    f"rows and stopped: no figure; its last word: {last_line(running.log)}"
                )
    return looks


async def _rows(session: aiohttp.ClientSession, running: Running) -> float | None:
    """Rows stored so far; None while the worker does not answer."""
    try:
        async with session.get(running.part.url + "/actuator/metrics") as response:
            return counter(await response.text(), ARCHIVED)
    except (aiohttp.ClientError, OSError):  # a timeout is an OSError too
        return None


async def _check(stack: PrivateStack, load: Load) -> None:
    connection = await asyncpg.connect(stack.servers.url("postgres"))
    try:
        [(rows, ids)] = await connection.fetch(_COUNT)
    finally:
        await connection.close()
    if not rows == ids == load.metrics:
        raise GateError(f"{load.metrics} metrics gave {rows} rows with {ids} ids: no figure")
