"""Kills, and what each of them cost: in flight, replayed, skipped, re-sent."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import aiohttp

from tests.chaos.log import Log, Offsets
from tests.chaos.plan import Action
from tests.chaos.stack import Process, Stack

UP_WITHIN_S = 40.0
SCRAPE_S = 0.5
GROUP = "liveops-metrics"
#: A kill waits so long at most until the last one is recovered from; every such one does not.
READS_WITHIN_S = 20.0
HASTY = 4
#: Twice a worker's session with the group.
FROZEN_S = 12.0
#: A slowed worker stands still and runs in turn: less than a third of its speed.
STANDS_S, RUNS_S = 0.5, 0.2
#: Kills of these interrupt the reading of the windows.
READERS = ("metrics", "kafka")
_SAMPLE = re.compile(r"^(liveops_\w+?)(\{[^}]*\})? ([0-9.e+]+)$", re.MULTILINE)
SKIPPED = 'liveops_duplicates_skipped_total{kind="record"}'
RESENT = "liveops_outputs_resent_total"


@dataclass(slots=True)
class Kill:
    """What a kill did. `in_flight` None: the broker did not say."""

    number: int
    at_s: float
    victims: list[str]
    in_flight: int | None
    skipped: float = 0.0
    resent: float = 0.0

    @property
    def interrupts(self) -> bool:
        """Whether records had to be read again."""
        return any(name.partition("-")[0] in READERS for name in self.victims)

    @property
    def replayed(self) -> int:
        """Records read a second time, as far as they show: those that were skipped."""
        return int(self.skipped)

    def line(self) -> str:
        """The kill in one line."""
        flight = "?" if self.in_flight is None else self.in_flight
        return (
            f"kill {self.number:>2} at {self.at_s:6.1f} s  {' + '.join(self.victims):<22}"
            f" in flight {flight:>6}  replayed {self.replayed:>6}  skipped {self.skipped:>6.0f}"
            f"  re-sent {self.resent:>5.0f}"
        )

    def public(self) -> dict[str, Any]:
        """JSON form."""
        return asdict(self) | {"replayed": self.replayed}


class Meter:
    """Sums counters over all metrics workers that ever were; a new process counts from 0."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._known: dict[tuple[int, str, str], float] = {}

    def total(self, name: str) -> float:
        """The sum of a counter so far."""
        return sum(value for (_, _, known), value in self._known.items() if known == name)

    async def run(self) -> None:
        """Scrape for as long as the run lasts."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
            while True:
                await self.scrape(session)
                await asyncio.sleep(SCRAPE_S)

    async def scrape(self, session: aiohttp.ClientSession) -> None:
        """One look at each worker."""
        for process in self._stack.metrics_workers():
            try:
                async with session.get(process.url + "/actuator/metrics") as response:
                    text = await response.text()
            except (aiohttp.ClientError, OSError):
                continue
            for match in _SAMPLE.finditer(text):
                name = match[1] + (match[2] or "")
                self._known[process.pid, process.birth, name] = float(match[3])


class Killer:
    """Carries out the plan while the load runs."""

    def __init__(self, stack: Stack, log: Log, meter: Meter, say: Callable[[str], None]) -> None:
        self._stack = stack
        self._log = log
        self._meter = meter
        self._say = say
        self._before = (0.0, 0.0)
        #: The last action that made workers read again; what is counted since is its doing.
        self._cause: Kill | None = None
        self._committed: Offsets = {}
        self.done: list[Kill] = []
        #: Held while a process stands still: nobody else may let it go on.
        self._standing = asyncio.Lock()
        #: How often a slowed worker stood still.
        self.stands = 0

    async def run(self, actions: list[Action], began_s: float) -> None:
        """Every action at its moment, or as soon after as it can be."""
        async with asyncio.TaskGroup() as group:
            for action in actions:
                await asyncio.sleep(max(0.0, began_s + action.at_s - time.monotonic()))
                if action.slow_s:
                    group.create_task(self._slow(action.victims[0], action.slow_s))
                elif action.number == signal.SIGSTOP:
                    await self._freeze(action.victims[0], began_s)
                elif action.victims:
                    await self._kill(action.victims, began_s)
                else:
                    await self._scale(action, began_s)

    async def _kill(self, names: tuple[str, ...], began_s: float) -> None:
        if len(self.done) % HASTY:
            await self._read_on()
        found = [await self._victim(name) for name in names]
        victims = {p.name: p for p in found if p is not None}
        in_flight = await self._log.lag_or_none(GROUP)
        await self._note_progress()
        self.settle()
        for process in victims.values():
            if process.alive:
                os.kill(process.pid, signal.SIGKILL)
        at_s = time.monotonic() - began_s
        kill = Kill(len(self.done) + 1, at_s, list(victims), in_flight)
        self.done.append(kill)
        self._cause = kill if kill.interrupts else self._cause
        self._say(f"kill {kill.number}: {' + '.join(victims)}")

    async def _freeze(self, name: str, began_s: float) -> None:
        """Stop a worker in its tracks until others have its partitions, then let it go on."""
        await self._read_on()
        await self._note_progress()
        process = await self._victim(name)
        if process is None or not process.alive:
            return
        self.settle()
        self._cause = Kill(0, time.monotonic() - began_s, [], None)
        self._say(f"{process.name}: frozen for {FROZEN_S:.0f} s")
        await self._stand_still(process, FROZEN_S)

    async def _slow(self, name: str, slow_s: float) -> None:
        """Let a worker run only now and then; also the one that follows it after a kill."""
        self._say(f"{name}: slowed for {slow_s:.0f} s")
        ends_s = time.monotonic() + slow_s
        while time.monotonic() < ends_s:
            process = self._stack.processes().get(name)
            if process is not None and process.up and process.alive:
                await self._stand_still(process, STANDS_S)
                self.stands += 1
            await asyncio.sleep(RUNS_S)
        self._say(f"{name}: at full speed again, stood still {self.stands} times")

    async def _stand_still(self, process: Process, stands_s: float) -> None:
        async with self._standing:
            if not process.alive:
                return
            os.kill(process.pid, signal.SIGSTOP)
            try:
                await asyncio.sleep(stands_s)
            finally:
                if process.alive:
                    os.kill(process.pid, signal.SIGCONT)

    async def _read_on(self) -> None:
        """Wait until every partition was read on since the last action, bounded."""
        deadline_s = time.monotonic() + READS_WITHIN_S
        while time.monotonic() < deadline_s:
            committed = await self._log.committed_or_none(GROUP)
            if committed and all(committed.get(p, 0) > n for p, n in self._committed.items()):
                return
            await asyncio.sleep(0.2)

    async def _note_progress(self) -> None:
        self._committed = await self._log.committed_or_none(GROUP) or self._committed

    async def _scale(self, action: Action, began_s: float) -> None:
        await self._read_on()
        await self._note_progress()
        at_s = time.monotonic() - began_s
        self.settle()
        self._cause = Kill(0, at_s, [], None)
        await asyncio.to_thread(self._stack.resize, action.copies, action.number)
        how = f"the ones to go by {action.number.name}"
        self._say(f"from {at_s:.1f} s on {action.copies} metrics workers, {how}")

    async def _victim(self, name: str) -> Process | None:
        """The process to kill; the first worker stands in for a copy that is not wanted now."""
        if name not in self._stack.processes():
            name = name.partition("-")[0]
        return await self._stack.until_up(name, UP_WITHIN_S)

    def settle(self) -> None:
        """Give what was counted since the last look to its cause."""
        now = (self._meter.total(SKIPPED), self._meter.total(RESENT))
        skipped, resent = (a - b for a, b in zip(now, self._before, strict=True))
        self._before = now
        if self._cause is not None:
            self._cause.skipped += skipped
            self._cause.resent += resent

    def tell(self) -> None:
        """Print the lines of all kills, as they stand at the end."""
        self.settle()
        for kill in self.done:
            self._say(kill.line())


def replay_failures(kills: list[Kill]) -> list[str]:
    """A run in which too few interruptions led to replays has tested nothing.

    Half of them: after a short absence of the broker a worker goes on where it was, and one
    that is killed while it starts has read nothing yet.
    """
    readers = [kill for kill in kills if kill.interrupts]
    again = [kill for kill in readers if kill.skipped or kill.resent]
    if 2 * len(again) >= len(readers):
        return []
    return [f"only {len(again)} of {len(readers)} kills of metrics or broker led to replays"]
