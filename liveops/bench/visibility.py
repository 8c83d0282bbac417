"""How old a value is when it can be seen in an open window. Pure.

Events of a series arrive in order, so a window that counts n holds the first n events of
its minute; what is new since the last record has become visible with this one.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

#: Service, metric and start of the minute (epoch seconds).
Minute = tuple[str, str, int]


@dataclass(slots=True)
class Visibility:
    """Ages in milliseconds of what was sent after `warm_s` (epoch seconds).

    `window_ms`: age of the newest value in each open window received, since its broker
    time. `event_ms`: of each event, from its event time until the first window with it.
    """

    warm_s: float
    sent: dict[Minute, list[float]] = field(default_factory=lambda: defaultdict(list))
    seen: dict[Minute, int] = field(default_factory=dict)
    window_ms: list[float] = field(default_factory=list)
    event_ms: list[float] = field(default_factory=list)

    def on_sent(self, service: str, metric: str, time_s: float) -> None:
        """An event was made at `time_s`, which is its event time."""
        self.sent[service, metric, int(time_s // 60) * 60].append(time_s)

    def on_window(self, broker_time_s: float, now_s: float) -> None:
        """An open window of any size was received."""
        if broker_time_s >= self.warm_s:
            self.window_ms.append((now_s - broker_time_s) * 1000)

    def on_minute(self, minute: Minute, count: int, now_s: float) -> None:
        """A one-minute window that counts `count` was received."""
        if minute not in self.sent:
            return
        before = self.seen.get(minute, 0)
        for time_s in self.sent[minute][before:count]:
            if time_s >= self.warm_s:
                self.event_ms.append((now_s - time_s) * 1000)
        self.seen[minute] = max(before, count)

    @property
    def unseen(self) -> int:
        """Events sent that no window has shown yet."""
        return sum(len(times) - self.seen.get(minute, 0) for minute, times in self.sent.items())


def percentile(ages_ms: list[float], q: float) -> float:
    """The q-th percentile (0 to 100) of a list that is not empty."""
    return float(np.percentile(ages_ms, q))
