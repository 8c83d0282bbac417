"""One run: load, kills, the end of both, and the comparison with the reference."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos import incidents as incident_checks
from tests.chaos.answers import answered_windows, archived
from tests.chaos.compare import (
    Aggregated,
    Difference,
    compare_faults,
    compare_rows,
    compare_windows,
)
from tests.chaos.drain import everything_up, until_read, until_settled
from tests.chaos.kills import Kill, Killer, Meter, replay_failures
from tests.chaos.load import Book, HttpLoad, KafkaLoad, check_book, flush, pace
from tests.chaos.log import Log
from tests.chaos.plan import plan
from tests.chaos.reference import Reference, read_log
from tests.chaos.stack import Stack, running
from tests.chaos.traffic import QUARTER_HOUR_S, Traffic
from tests.client import Client

PARTITIONS = 4
COPIES = 2
#: The last rests of the load must be answered within this time.
FLUSH_S = 120.0
#: Kills that wait for their victims make the load this much longer, relatively, at most.
OVERTIME = 1.0
INCIDENTS_WITHIN_S = 30.0
VERY_LATE_S = 2 * 3600.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do. `speed`: event seconds a second of load."""

    seed: int
    kills: int
    load_s: float
    rate: float
    speed: float = 12.0
    scaling: bool = True


@dataclass(slots=True)
class Result:
    """What came out; a run without differences and failures has passed."""

    plan: Plan
    differences: list[Difference] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether everything was as it must be."""
        return not self.differences and not self.failures


class Run:
    """The parts of one run on a running stack."""

    def __init__(
        self, made: Plan, stack: Stack, client: Client, say: Callable[[str], None]
    ) -> None:
        span_s = made.load_s * made.speed
        begin_s = time.time() - span_s * (1 + OVERTIME) - 2 * QUARTER_HOUR_S
        start_s = begin_s // QUARTER_HOUR_S * QUARTER_HOUR_S
        self.plan = made
        self.stack = stack
        self.client = client
        self.say = say
        self.log = Log(stack.url("kafka"))
        self.traffic = Traffic(made.seed, start_s, span_s, made.rate, made.speed)
        self.book = Book()
        self.result = Result(made)
        self._kafka = KafkaLoad(stack, self.book, made.seed)
        self._http = HttpLoad(stack, client, self.book, made.seed)
        self._meter = Meter(stack)
        self._killer = Killer(stack, self.log, self._meter, say)

    async def whole(self) -> Result:
        """Load with kills, drain, compare."""
        await incident_checks.only_our_rules(self.client)
        metering = asyncio.create_task(self._meter.run())
        try:
            await self._under_load()
            await everything_up(self.stack, self.say)
            await self._flush(self._http)
            self.say(f"load ended, {self.traffic.sent} metrics sent")
            await until_read(self.log, self.say)
            await self._close()
            self._killer.tell()
            await self._compare()
        finally:
            metering.cancel()
        self._judge()
        return self.result

    async def _under_load(self) -> None:
        began_s, load_s = time.monotonic(), self.plan.load_s
        actions = plan(self.plan.seed, self.plan.kills, load_s, scaling=self.plan.scaling)
        enough = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(pace(self.traffic, self._kafka, self._http, enough))
            async with asyncio.timeout(load_s * (1 + OVERTIME)):
                await self._killer.run(actions, began_s)
                await asyncio.sleep(max(0.0, began_s + load_s - time.monotonic()))
            enough.set()

    async def _close(self) -> None:
        """Close what is open, by one record a service."""
        for record in self.traffic.closing():
            while not self._kafka.send(record):
                await asyncio.sleep(0.05)
        http = HttpLoad(self.stack, self.client, self.book, self.plan.seed)
        await self._flush(http)

    async def _flush(self, http: HttpLoad) -> None:
        try:
            await flush(self._kafka, http, FLUSH_S)
        except TimeoutError:
            self.result.failures.append(f"no answer to some calls or records in {FLUSH_S:.0f} s")

    async def _compare(self) -> None:
        reference = await asyncio.to_thread(read_log, await self.log.raw())
        windows = await asyncio.to_thread(reference.windows)
        final = reference.final_until_s()
        self.say(f"reference: {len(reference.metrics)} metrics, {len(windows)} windows")
        found = await until_settled(self.log, self.stack, windows, final, self.say)
        differences = self.result.differences
        differences += compare_windows("aggregated", windows, found.latest(), final)
        differences += found.emitted_again()
        answered = await answered_windows(
            self.client, set(final), self.traffic.start_s - VERY_LATE_S, time.time() + 900
        )
        differences += compare_windows("api", windows, answered, final, with_histogram=False)
        rows = await archived(self.stack.url("postgres"))
        differences += await asyncio.to_thread(compare_rows, reference.metrics, rows)
        differences += compare_faults(reference.faults, await self.log.faults())
        differences += self._check_book(reference)
        await self._compare_incidents(incident_checks.expected_pairs(windows))
        self._figures(reference, len(windows), len(rows), found)

    def _check_book(self, reference: Reference) -> list[Difference]:
        return [
            Difference("metrics.raw", str(metric), f"{what} {bound}", found)
            for metric, what, bound, found in check_book(self.book, reference)
        ]

    async def _compare_incidents(self, expected: set[incident_checks.Pair]) -> None:
        deadline_s = time.monotonic() + INCIDENTS_WITHIN_S
        while True:
            incidents = await incident_checks.all_incidents(self.client)
            wrong = incident_checks.compare_incidents(expected, incidents)
            events = await incident_checks.announced(self.log)
            wrong += incident_checks.compare_announced(incidents, events)
            if not wrong or time.monotonic() > deadline_s:
                break
            await asyncio.sleep(1.0)
        self.result.differences += wrong
        self.result.figures["incidents"] = len(incidents)
        self.result.figures["incidents_expected"] = len(expected)
        self.result.figures["incident_events_repeated"] = incident_checks.repeated_events(events)

    def _figures(self, reference: Reference, windows: int, rows: int, found: Aggregated) -> None:
        latest = found.latest().values()
        self.result.figures |= {
            "records": reference.records,
            "metrics": len(reference.metrics),
            "ids_repeated": reference.repeated,
            "bad_inputs": len(reference.faults),
            "tombstones": reference.tombstones,
            "windows": windows,
            "windows_corrected": sum(item["revision"] > 0 for item in latest),
            "windows_recomputed": sum(bool(item.get("backfill")) for item in latest),
            "aggregated_repeats": found.repeats,
            "rows": rows,
            "own_ends": self.stack.own_ends,
            "slowed_worker_stood_still": self._killer.stands,
            "kafka_sent": self.book.sent,
            "kafka_unknown": self.book.kafka_failed,
            "http_calls": self.book.calls,
            "http_retries": self.book.retries,
            "http_repeats": self.book.repeats,
        }

    def _judge(self) -> None:
        self.result.kills = self._killer.done
        self.result.failures += replay_failures(self._killer.done)


def run(made: Plan, say: Callable[[str], None] = print, logs: Path | None = None) -> Result:
    """A whole run on a stack of its own."""
    with running(PARTITIONS, COPIES, say, logs) as stack:
        return asyncio.run(_on(made, stack, say))


async def _on(made: Plan, stack: Stack, say: Callable[[str], None]) -> Result:
    async with Client.signed_in(stack.client_stack, "engineer") as client:
        return await Run(made, stack, client, say).whole()
