"""What people said of analyses, and what that makes of the next ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import get_args

from liveops.clock import Clock
from liveops.metrics.analysis import CALIBRATION_ERROR, VERDICTS
from liveops.postgres.database import Database
from liveops.postgres.queries import load
from liveops.rca.calibration import Calibration, Judged, curve, error, fit
from schema.analysis import Source

#: The newest verdicts on analyses of each source count.
MAX_VERDICTS = 1000
_RENEWED_S = 60.0
SOURCES: tuple[Source, ...] = get_args(Source)


async def read_judged(database: Database) -> dict[Source, list[Judged]]:
    """By source, the newest first: analyses that named a cause and were said to be right or wrong.

    Raises Unavailable.
    """
    found: dict[Source, list[Judged]] = {source: [] for source in SOURCES}
    async with database.connection() as con:
        for row in await con.fetch(load("analyses")["judged"], MAX_VERDICTS):
            found[row["source"]].append(Judged(row["raw"], row["said"], row["is_right"]))
    return found


class Verdicts:
    """The calibration of each source, read anew now and then."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._known: Mapping[Source, Calibration] = {}
        self._until_s = 0.0

    async def calibrations(self) -> Mapping[Source, Calibration]:
        """By source; raises Unavailable."""
        now_s = self._clock.now_s()
        if not self._until_s - _RENEWED_S <= now_s < self._until_s:
            judged = await read_judged(self._database)
            self._known = {source: fit(ones) for source, ones in judged.items()}
            self._until_s = now_s + _RENEWED_S
            for source, ones in judged.items():
                _show(source, ones)
        return self._known

    def forget(self) -> None:
        """There is a new verdict: read anew when asked next."""
        self._until_s = 0.0


def _show(source: Source, judged: list[Judged]) -> None:
    right = sum(one.right for one in judged)
    VERDICTS.labels(source, "right").set(right)
    VERDICTS.labels(source, "wrong").set(len(judged) - right)
    off = error(curve(judged))
    CALIBRATION_ERROR.labels(source).set(math.nan if off is None else off)
