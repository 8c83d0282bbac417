"""Rules over windows of the past: what they would have told. Pure.

The same fold and banks that run live, over closed windows alone: what an open window would
have told is told when it closes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter

from liveops.detection.engine import observe
from liveops.detection.fitting import Fitted, Fitting, no_fit
from liveops.detection.learned import Learned
from liveops.detection.rule_bank import Seen
from liveops.detection.rulebook import RuleBook
from liveops.detection.state import ServiceDetectors, new_service
from schema.incidents import Detection
from schema.metrics import Aggregate
from schema.rules import Rule


@dataclass
class Rehearsal:
    """Rules that see windows in the order of their ends, service by service."""

    rules: Sequence[Rule]
    fit: Fitted = no_fit
    series: set[tuple[str, str]] = field(default_factory=set)
    _states: dict[str, ServiceDetectors] = field(default_factory=dict)
    _learned: Learned = field(default_factory=Learned)
    _fitting: Fitting = field(default_factory=Fitting)

    def __post_init__(self) -> None:
        self._book = RuleBook(self.rules, ())
        self._learned.obey(self._book)

    def run(self, windows: Iterable[Aggregate]) -> Iterator[Detection]:
        """What is told of closed windows, in their order."""
        ordered = sorted(windows, key=attrgetter("end_s", "service_name", "window", "series"))
        for _, same in groupby(ordered, key=attrgetter("end_s")):
            yield from self._judge(list(same))

    def _judge(self, windows: list[Aggregate]) -> Iterator[Detection]:
        seen = [Seen(window.service_name, window) for window in windows]
        opinions = self._learned.judge(seen, self._book, self._closed_s)
        for window in windows:
            service = window.service_name
            state = self._states.setdefault(service, new_service(service))
            self.series.add((service, window.series))
            outcome = observe(state, [window], self._book, None, opinions)
            yield from outcome.detections
        for bank in self._learned.banks.values():
            self._fitting.follow(bank, seen, self.fit)

    def _closed_s(self, seen: Seen) -> float:
        state = self._states.get(seen.service)
        series = state.series.get(seen.window.series) if state else None
        return -1.0 if series is None else series.closed_s.get(seen.window.window, -1)


@dataclass(slots=True)
class Told:
    """One alarm: how it was told first, and when its excursion was over; None while it goes on."""

    first: Detection
    worst: Detection
    end_s: float | None = None


def alarms(detections: Iterable[Detection]) -> list[Told]:
    """Detections as alarms, in the order in which they began."""
    found: dict[str, Told] = {}
    for detection in detections:
        told = found.get(detection.id)
        if told is None:
            told = found[detection.id] = Told(detection, detection)
        if detection.state == "resolved":
            told.end_s = detection.at_s
        else:
            told.worst = detection
    return list(found.values())
