"""How fast the worker folds a topic that is already full, and whether it did so rightly."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import aiohttp

from liveops.bench import baselines, gate, readings
from liveops.bench.fill import batch_sender, fill
from liveops.bench.gate import GateError, Windows
from liveops.bench.plan import Plan
from liveops.bench.readings import Reading
from liveops.bench.records import VALUES, Load, single
from liveops.bench.stack import PrivateStack, Say, private_stack
from liveops.bench.topic_reader import TopicReader, topic_reader
from liveops.embedded.logs import last_line
from liveops.embedded.part import Running
from liveops.errors import StartError
from schema.topics import AGGREGATED

POLL_S = 0.5
#: A worker that makes no progress for this long has failed.
STALL_S = 60.0
#: Late records are welcome for 300 s after the load's end by its own clock, which runs on
#: while nothing comes; the recovery must be asked well before.
PROBE_DEADLINE_S = 240.0
PROBE_ANSWER_S = 30.0


@dataclass(frozen=True, slots=True)
class Result:
    """Figures of one load: metrics a second, CPU seconds a million metrics, start-up seconds.

    `resident_mb` is the worker's memory after the load; `restart_s` the time from its
    start after a kill until it serves with all its windows.
    """

    events_per_s: float
    cpu_s_per_million: float | None
    start_up_s: float
    windows: int
    resident_mb: float | None
    restart_s: float
    raw: list[float] = field(default_factory=list)
    raw_cut: float | None = None
    stock: float | None = None


@dataclass(slots=True)
class Trial:
    """One load on one stack. `filled_s` is when the last record was acknowledged."""

    stack: PrivateStack
    load: Load
    reader: TopicReader
    filled_s: float


async def measure(
    plan: Plan, load: Load, say: Say, *, with_raw: bool = True, with_others: bool = False
) -> Result:
    """Fill a fresh topic, then raw, worker, raw, and once the other baselines.

    Raises GateError when the worker's windows are wrong or lost by a kill.
    """
    async with private_stack(plan.place, say) as stack:
        began_s = time.monotonic()
        await fill(stack.broker, load, stack.partitions)
        filled_s = time.monotonic()
        say(f"{load.metrics} metrics on the topic ({filled_s - began_s:.1f} s)")
        raw = [await baselines.raw(stack, load.metrics)] if with_raw else []
        async with topic_reader(stack.broker, AGGREGATED, stack.partitions) as reader:
            result = await _worker(Trial(stack, load, reader, filled_s), say)
        if with_raw:
            raw.append(await baselines.raw(stack, load.metrics))
        raw_cut = await baselines.raw(stack, load.metrics, "cut") if with_others else None
        stock = await baselines.stock(stack, load.metrics) if with_others else None
        figures = [f"worker {result.events_per_s:.0f}/s"]
        figures += [f"raw {each:.0f}/s" for each in raw]
        once = {"raw, times cut": raw_cut, "stock": stock}
        figures += [f"{name} {speed:.0f}/s" for name, speed in once.items() if speed is not None]
        say(", ".join(figures))
        return replace(result, raw=raw, raw_cut=raw_cut, stock=stock)


async def _worker(trial: Trial, say: Say) -> Result:
    spawned_s = time.time()
    running = trial.stack.spawn_worker()
    say(f"worker started (pid {running.process.pid})")
    looks = await _watch(trial, running)
    windows = Windows(trial.load.end_s)
    await trial.reader.read_to_end(windows.take)
    gate.check_counts(windows, trial.load.events)
    resident_mb = readings.resident_mb(running.process.pid)
    say(f"counts agree in {len(windows.found)} windows; killing the worker")
    restart_s = await _recover(trial, windows)
    say(f"recovered windows agree; serves again after {restart_s:.1f} s")
    began_s = readings.began_s(looks, spawned_s)
    ended_s = readings.ended_s(looks, trial.load.metrics, windows.newest_ms / 1000)
    return Result(
        trial.load.metrics / (ended_s - began_s),
        readings.cpu_per_million(looks),
        began_s - spawned_s,
        len(windows.found),
        resident_mb,
        restart_s,
    )


async def _watch(trial: Trial, running: Running) -> list[Reading]:
    """Look at the worker until all is folded and it has fallen quiet."""
    looks: list[Reading] = []
    progress_s = time.monotonic()
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        while not readings.is_quiet(looks, trial.load.metrics):
            await asyncio.sleep(POLL_S)
            look = await _look(session, running, trial.reader)
            before = looks[-1] if looks else None
            if look is not None:
                looks.append(look)
                if before is None or (look.moved, look.written) != (before.moved, before.written):
                    progress_s = time.monotonic()
            _check_alive(running, looks, progress_s, trial.load)
    return looks


async def _look(
    session: aiohttp.ClientSession, running: Running, reader: TopicReader
) -> Reading | None:
    """None while the worker does not answer yet."""
    try:
        async with session.get(running.part.url + "/actuator/metrics") as response:
            text = await response.text()
    except (aiohttp.ClientError, OSError):  # a timeout is an OSError too
        return None
    at_s, cpu_s = time.time(), readings.cpu_seconds(running.process.pid)
    folded = readings.counter(text, readings.FOLDED)
    moved = folded + readings.counter(text, readings.FORWARDED)
    return Reading(at_s, folded, moved, await reader.length(), cpu_s)


def _check_alive(running: Running, looks: list[Reading], progress_s: float, load: Load) -> None:
    if running.exit_code is not None:
        raise StartError(f"the worker ended with {running.exit_code}: {last_line(running.log)}")
    folded = looks[-1].folded if looks else 0
    if time.monotonic() - progress_s > STALL_S:
        raise GateError(
            f"the worker folded {folded:.0f} of {load.metrics} metrics and then nothing for "
            f"{STALL_S:.0f} s: no figure; its last word: {last_line(running.log)}"
        )


async def _recover(trial: Trial, before: Windows) -> float:
    """Kill and restart the worker; one late record a service shows what it remembers.

    Returns the seconds until it serves again.
    """
    trial.stack.kill_worker()
    killed_s = time.monotonic()
    await trial.stack.start_worker()
    restart_s = time.monotonic() - killed_s
    if time.monotonic() - trial.filled_s > PROBE_DEADLINE_S:
        raise GateError(
            f"over {PROBE_DEADLINE_S:.0f} s since the topic was filled, so that recovery can no "
            "longer be checked: no figure; use fewer --events"
        )
    await _send_probes(trial, before)
    after = copy.deepcopy(before)
    await _until(lambda: _arrived(trial.reader, before, after))
    gate.check_recovered(before, after)
    return restart_s


async def _send_probes(trial: Trial, windows: Windows) -> None:
    load, partitions = trial.load, trial.stack.partitions
    async with batch_sender(trial.stack.broker) as sender:
        for key in gate.probes(windows):
            time_ms = key.start_s * 1000 + 500
            value = single(key.service, key.metric, VALUES[0], time_ms, load.kind)
            home = load.partition(key.service, partitions)
            await sender.add(home, key.service.encode(), value)


async def _arrived(reader: TopicReader, before: Windows, after: Windows) -> bool:
    await reader.read(after.take)
    return gate.probes_arrived(before, after)


async def _until(done: Callable[[], Awaitable[bool]]) -> None:
    """Wait for the answer to the probes; what is missing then, the gate will name."""
    end_s = time.monotonic() + PROBE_ANSWER_S
    while not await done() and time.monotonic() < end_s:
        pass
