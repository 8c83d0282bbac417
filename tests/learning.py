"""Detectors of one service with all that they learn, as a worker runs them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from liveops.detection.engine import observe
from liveops.detection.learned import Learned
from liveops.detection.rule_bank import Seen
from liveops.detection.rulebook import RuleBook
from liveops.detection.state import ServiceDetectors, new_service
from schema.incidents import Detection
from schema.metrics import Aggregate
from tests.aggregates import rule, window

ENSEMBLE = rule("ensemble")


@dataclass
class Worker:
    """Detectors of one service with what they have learned."""

    book: RuleBook = field(default_factory=lambda: RuleBook([ENSEMBLE], ()))
    learned: Learned = field(default_factory=Learned)
    state: ServiceDetectors = field(default_factory=lambda: new_service("svc"))

    def __post_init__(self) -> None:
        self.learned.obey(self.book)

    def take(self, windows: list[Aggregate], reached_s: float | None = None) -> list[Detection]:
        """One chunk with these windows."""
        seen = [Seen("svc", item) for item in windows]
        opinions = self.learned.judge(seen, self.book, self._closed_s)
        found: list[Detection] = []
        for item in windows:
            outcome = observe(self.state, [item], self.book, reached_s, opinions)
            self.learned.forget("svc", outcome.forgotten)
            found += outcome.detections
        return found

    def feed(self, means: list[float], first: int = 0, **more: Any) -> list[Detection]:
        """Closed windows with these means, each a chunk."""
        return [
            one
            for number, mean in enumerate(means)
            for one in self.take([window(first + number, mean, **more)])
        ]

    def _closed_s(self, seen: Seen) -> float:
        series = self.state.series.get(seen.window.series)
        return -1.0 if series is None else series.closed_s.get(seen.window.window, -1)


def states(found: list[Detection]) -> list[str]:
    """States one after the other, without repeats."""
    return [b.state for a, b in zip([None, *found], found, strict=False) if a is None or
            (a.id, a.state) != (b.id, b.state)]  # fmt: skip
