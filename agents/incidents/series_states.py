"""How many series are learning, ok, firing or without data, counted now and then."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable

from liveops.detection.state import Alarm, Phase, ServiceDetectors
from liveops.metrics.detection import ALARMS_SILENCED, SERIES

#: The gravest first.
_PHASES: tuple[Phase, ...] = ("firing", "no_data", "ok", "learning")
_PAUSE_S = 5.0
#: Counting takes at most one part in so many of the loop's time.
_REST = 50
#: Series counted before others get their turn on the loop.
_SLICE = 500


class SeriesStates:
    """Counts what `states` gives and shows it as metrics."""

    def __init__(self, states: Callable[[], list[ServiceDetectors]]) -> None:
        self._states = states

    async def run(self) -> None:
        """Count until cancelled; the more there is, the more seldom."""
        while True:
            busy_s = await self.count()
            await asyncio.sleep(max(_PAUSE_S, _REST * busy_s))

    async def count(self) -> float:
        """Count once, in slices; how many seconds of the loop that took."""
        phases: Counter[Phase] = Counter()
        silenced, busy_s, began_s, since = 0, 0.0, time.perf_counter(), 0
        for state in self._states():
            presence = state.presence
            for alarms in (presence.alarms, *presence.metric_alarms.values()):
                silenced += _silenced(alarms.values())
            # Between two awaits nothing changes; a service has some thousand series at most.
            for series in state.series.values():
                phases[phase_of(series.alarms.values())] += 1
                silenced += _silenced(series.alarms.values())
            since += len(state.series)
            if since >= _SLICE:
                since, busy_s = 0, busy_s + time.perf_counter() - began_s
                await asyncio.sleep(0)
                began_s = time.perf_counter()
        for phase in _PHASES:
            SERIES.labels(phase).set(phases[phase])
        ALARMS_SILENCED.set(silenced)
        return busy_s + time.perf_counter() - began_s


def phase_of(alarms: Iterable[Alarm]) -> Phase:
    """The gravest phase of a series' alarms; `learning` while there is none."""
    found = {alarm.phase for alarm in alarms}
    return next((phase for phase in _PHASES if phase in found), "learning")


def _silenced(alarms: Iterable[Alarm]) -> int:
    return sum(alarm.phase == "firing" and alarm.detection is None for alarm in alarms)
