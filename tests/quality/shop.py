"""The demo's shop through detectors and correlator, without servers: what they tell of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from liveops.demo.faults import Fault, schedule
from liveops.demo.run import CATCH_UP_STEP_S, HISTORY_STEP_S, RECENT_S, WARM_UP_S
from liveops.demo.shop import edges
from liveops.demo.signals import readings
from liveops.detection.absence import judge_absence
from liveops.detection.defaults import DEFAULT_RULES
from liveops.detection.engine import observe
from liveops.detection.learned import Learned
from liveops.detection.rule_bank import Seen
from liveops.detection.rulebook import RuleBook
from liveops.detection.state import ServiceDetectors, new_service
from liveops.incidents.state import Command
from liveops.incidents.topology import Topology
from schema.incidents import Detection
from schema.metrics import Aggregate
from schema.rules import Edge
from tests.correlating import Correlating

START_S = 1_764_072_000.0
#: How far the watermark is behind the newest value.
_LATENESS_S = 10.0
_MINUTE_S = 60


@dataclass(slots=True)
class Minute:
    """The values of one series in one minute so far."""

    count: int = 0
    sum: float = 0.0
    squares: float = 0.0

    def add(self, value: float) -> None:
        """One more value."""
        self.count, self.sum = self.count + 1, self.sum + value
        self.squares += value * value

    def window(self, key: tuple[str, str, int], *, final: bool, broker_s: float) -> Aggregate:
        """The minute as a window; the figures that no default rule reads are the mean."""
        service, metric, start_s = key
        mean = self.sum / self.count
        spread = math.sqrt(max(0.0, self.squares / self.count - mean * mean))
        return Aggregate(
            service, metric, {}, "1m", start_s, start_s + _MINUTE_S, self.count, self.sum,
            mean, mean, mean, spread, mean, mean, mean, self.count / _MINUTE_S, final, 1, {},
            False, broker_s,
        )  # fmt: skip


@dataclass(slots=True)
class Told:
    """An incident as it was opened, and how long after what was announced."""

    at_s: float
    service: str
    title: str
    services: set[str]


@dataclass
class Shop:
    """One shop with its detectors; `incidents` holds what was told."""

    seed: int
    with_faults: bool = True
    states: dict[str, ServiceDetectors] = field(default_factory=dict)
    learned: Learned = field(default_factory=Learned)
    correlating: Correlating = field(default_factory=Correlating)
    incidents: dict[str, Told] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    _open: dict[tuple[str, str, int], Minute] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.book = RuleBook(DEFAULT_RULES, ())
        self.learned.obey(self.book)
        self.correlating.topology = Topology([Edge(caller=a, callee=b) for a, b in edges()])

    def run(self, minutes: int) -> None:
        """Send history, then live for so long, a reading a second."""
        noise = Random(self.seed)
        at_s, live_s = START_S - WARM_UP_S, START_S
        while at_s < live_s:
            self._take(at_s, (), noise)
            self._close(at_s - _LATENESS_S, at_s, live_s)
            at_s += HISTORY_STEP_S if at_s < live_s - RECENT_S else CATCH_UP_STEP_S
        coming = schedule(Random(f"faults {self.seed}"), live_s)
        following = next(coming)
        for second in range(minutes * _MINUTE_S):
            at_s = live_s + second
            if self.with_faults and following.start_s <= at_s:
                self.faults.append(following)
                following = next(coming)
            active = [fault for fault in self.faults if at_s < fault.end_s]
            self._take(at_s, active, noise)
            self._close(at_s - _LATENESS_S, at_s, at_s)
            self._look(at_s)
            self._settle(at_s)

    def replay(self, minutes: int) -> None:
        """Send so much of quiet time at once, two days of it as history."""
        noise, at_s = Random(self.seed), START_S - WARM_UP_S
        for _ in range(2 * minutes):
            self._take(at_s, (), noise)
            self._close(at_s - _LATENESS_S, at_s, at_s)
            at_s += HISTORY_STEP_S

    def _take(self, at_s: float, active: list[Fault] | tuple[()], noise: Random) -> None:
        for one in readings(at_s, active, noise):
            start_s = int(at_s // _MINUTE_S) * _MINUTE_S
            key = (one.service_name, one.metric_type, start_s)
            self._open.setdefault(key, Minute()).add(one.value)

    def _close(self, watermark_s: float, at_s: float, broker_s: float) -> None:
        done = [key for key in self._open if key[2] + _MINUTE_S <= watermark_s]
        windows = [
            self._open.pop(key).window(key, final=True, broker_s=broker_s) for key in sorted(done)
        ]
        self._judge(windows, None, at_s)

    def _look(self, at_s: float) -> None:
        """Open windows, and what is missing."""
        newest = [key for key in self._open if key[2] + _MINUTE_S > at_s]
        windows = [
            self._open[key].window(key, final=False, broker_s=at_s) for key in sorted(newest)
        ]
        self._judge(windows, at_s, at_s)
        for state in self.states.values():
            outcome = judge_absence(state, at_s, self.book, START_S)
            self._tell(outcome.detections, at_s)

    def _judge(self, windows: list[Aggregate], reached_s: float | None, at_s: float) -> None:
        if not windows:
            return
        seen = [Seen(window.service_name, window) for window in windows]
        opinions = self.learned.judge(seen, self.book, self._closed_s)
        for window in windows:
            name = window.service_name
            state = self.states.setdefault(name, new_service(name))
            outcome = observe(state, [window], self.book, reached_s, opinions)
            self._tell(outcome.detections, at_s)

    def _closed_s(self, seen: Seen) -> float:
        state = self.states.get(seen.service)
        series = state.series.get(seen.window.series) if state else None
        return -1.0 if series is None else series.closed_s.get("1m", -1)

    def _tell(self, detections: list[Detection], at_s: float) -> None:
        if detections:
            self._note(self.correlating.fold_all(detections, at_s), at_s)

    def _settle(self, at_s: float) -> None:
        self._note(self.correlating.release(at_s, at_s), at_s)

    def _note(self, commands: list[Command], at_s: float) -> None:
        for command in commands:
            name = command.incident_id
            if command.kind == "open":
                title = str(command.values.get("title"))
                service = str(command.values.get("service_name", ""))
                self.incidents[name] = Told(at_s, service, title, set())
            told = self.incidents.get(name)
            if told is not None:
                told.services |= set(command.values.get("affected_services", ()))
                told.title = str(command.values.get("title", told.title))


def quiet_day(seed: int) -> Iterator[str]:
    """What is told of a day without faults after two days of history, in one-minute windows."""
    shop = Shop(seed, with_faults=False)
    shop.replay(3 * 1440)
    told = [one for one in shop.incidents.values() if one.at_s >= START_S]
    for one in told:
        yield f"  {one.at_s - START_S:6.0f} {one.title}"
    yield f"shop, seed {seed}: {len(told)} told in a quiet day"


def report(seed: int, minutes: int = 30, *, with_faults: bool = True) -> Iterator[str]:
    """What was announced, with the incident that told it; then what nobody announced."""
    shop = Shop(seed, with_faults)
    shop.run(minutes)
    left = dict(shop.incidents)
    found = 0
    for fault in shop.faults:
        ours = [
            id for id, told in left.items()
            if fault.start_s <= told.at_s <= fault.end_s + 150 and fault.service in told.title
        ]  # fmt: skip
        told = left.pop(ours[0]) if ours else None
        found += told is not None
        after = f"{told.at_s - fault.start_s:5.0f} s  {told.title}" if told else "   –"
        yield f"  {fault.start_s - START_S:6.0f} {fault.kind:8}{fault.service:16}{after}"
    for told in left.values():
        yield f"  {told.at_s - START_S:6.0f} not announced: {told.title}"
    yield f"shop, seed {seed}: {found} of {len(shop.faults)} announced, {len(left)} besides"
