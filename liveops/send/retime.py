"""Moves a file's times: shift to the present, compress; what then lies out of bounds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from msgspec import structs

from liveops.clock import Clock
from liveops.send.rows import Row
from schema.metrics import MAX_FUTURE_S, Metric, MetricFault

#: What is moved to the very edge of the retention may be beyond it when it arrives.
EDGE_S = 300.0


@dataclass(frozen=True, slots=True)
class Move:
    """File time to event time: `last_s` comes at `anchor_s`, distances are divided."""

    last_s: float
    anchor_s: float
    compress: float = 1.0

    @property
    def moves(self) -> bool:
        """Whether any time changes."""
        return self.anchor_s != self.last_s or self.compress != 1

    def event_s(self, file_s: float) -> float:
        """Event time of a moment of the file."""
        return self.anchor_s - (self.last_s - file_s) / self.compress


@dataclass(slots=True)
class Retimer:
    """Gives rows their event times.

    Of a rebased file the rows older than `max_age_s` less a margin are counted in `too_old` and
    left out; of another file a row too old is a fault, like one too far in the future.
    """

    move: Move
    clock: Clock
    max_age_s: float
    rebase: bool = False
    too_old: int = 0

    def rows(self, source: Iterable[Row]) -> Iterator[Row]:
        """All rows but those left out; what was bad stays so."""
        for row in source:
            if isinstance(row.verdict, MetricFault):
                yield row
                continue
            metric = self._moved(row.verdict)
            age_s = self.clock.now_s() - metric.timestamp_s
            if self.rebase and age_s > self.max_age_s - EDGE_S:
                self.too_old += 1
            else:
                timed = row.timed or self.move.moves
                yield replace(row, verdict=self._bounded(metric, age_s), timed=timed)

    def _moved(self, metric: Metric) -> Metric:
        if not self.move.moves:
            return metric
        start_s = metric.start_s
        return structs.replace(
            metric,
            timestamp_s=self.move.event_s(metric.timestamp_s),
            start_s=None if start_s is None else self.move.event_s(start_s),
        )

    def _bounded(self, metric: Metric, age_s: float) -> Metric | MetricFault:
        if age_s < -MAX_FUTURE_S:
            return MetricFault(["timestamp"], "more than 10 minutes in the future", "future")
        if age_s > self.max_age_s:
            return MetricFault(["timestamp"], "older than the retention", "too_old")
        return metric
