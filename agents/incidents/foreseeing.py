"""Forecasts of forecast rules: one series after the other, the oldest fit first.

A fit reads the series' stored windows and runs in a process of its own; judging never waits.
"""

from __future__ import annotations

import asyncio
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import numpy as np
import structlog

from agents.incidents.watched import WatchedServices
from liveops.detection import forecast
from liveops.detection.fitting import PAST_S, TRIED_S, due, season_of
from liveops.detection.forecast import History
from liveops.detection.rule_bank import RuleBank
from liveops.errors import Unavailable
from liveops.forecasting.process import FittingProcess
from liveops.metrics.detection import FORECASTS, FORECASTS_DUE
from liveops.postgres.database import Database
from liveops.postgres.detector_memory import read_points, read_values

log = structlog.get_logger(__name__)
#: After a round in which nothing was due, or PostgreSQL was away.
_PAUSE_S = 15.0
#: Series of a service whose windows are read together.
_AT_ONCE = 50


class Wanted(NamedTuple):
    """Series of a service whose forecasts are due, by name with their rows in the bank."""

    bank: RuleBank
    service: str
    rows: dict[str, int]


class Foreseeing:
    """Makes the forecasts of this worker's series."""

    def __init__(self, services: WatchedServices, database: Database) -> None:
        self._services = services
        self._database = database
        self._process = FittingProcess()

    async def run(self) -> None:
        """Fit whatever is due, for as long as the worker lives."""
        try:
            while True:
                wanted = self._oldest()
                if wanted is None or not await self._foresee(wanted):
                    await asyncio.sleep(_PAUSE_S)
        finally:
            self._process.close()

    def _oldest(self) -> Wanted | None:
        """The series that waits longest, with others of its service; over all forecast rules."""
        found: list[tuple[float, Wanted]] = []
        waiting = 0
        for bank in self._services.learned.banks.values():
            if bank.rule.kind != "forecast":
                continue
            named = {row: (service, series) for service, series, row in bank.rows()}
            rows = due(bank.bank, np.array(list(named), np.int64)).tolist()
            waiting += len(rows)
            if rows:
                tried_s = float(bank.bank.forecasts.tried_s[rows[0]])
                service = named[rows[0]][0]
                others = [row for row in rows if named[row][0] == service]
                chosen = {named[row][1]: row for row in others[:_AT_ONCE]}
                found.append((tried_s, Wanted(bank, service, chosen)))
        FORECASTS_DUE.set(waiting)
        return min(found, key=lambda one: one[0])[1] if found else None

    async def _foresee(self, wanted: Wanted) -> bool:
        """Fit these series; False where PostgreSQL is away."""
        bank = wanted.bank
        newest_s = {name: bank.newest_s(wanted.service, name) for name in wanted.rows}
        try:
            past = await self._read(wanted, max(newest_s.values()))
        except Unavailable:
            log.warning("no forecasts, postgres is away")
            return False
        for series, row in wanted.rows.items():
            history = past.get(series)
            fit = None if history is None else await self._process.fit(history)
            FORECASTS.labels("made" if fit is not None else "not_possible").inc()
            if self._is_still(wanted, series):
                forecast.accept(bank.bank.forecasts, row, newest_s[series], fit)
        return True

    async def _read(self, wanted: Wanted, until_s: float) -> dict[str, History]:
        bank, names = wanted.bank, list(wanted.rows)
        point_s = bank.bank.forecasts.point_s
        span_s = until_s - PAST_S, until_s
        points = await read_points(
            self._database, bank.rule, wanted.service, names, span_s, point_s
        )
        windows = await read_values(
            self._database, bank.rule, wanted.service, until_s - TRIED_S, until_s
        )
        found: dict[str, History] = {}
        for series, same in groupby(points, key=itemgetter(0)):
            newest = [(float(start_s), value) for name, start_s, value in windows if name == series]
            means = [(place, mean) for _, place, mean in same]
            season_s = season_of(bank.bank, wanted.rows[series])
            found[series] = forecast.history(means, newest, bank.step_s, season_s)
        return found

    def _is_still(self, wanted: Wanted, series: str) -> bool:
        """Whether the row is the series' still: rules and partitions come and go."""
        bank = self._services.learned.banks.get(wanted.bank.rule.id)
        return bank is wanted.bank and bank.find(wanted.service, series) == wanted.rows[series]
