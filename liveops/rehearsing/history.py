"""One rule over stored windows, run in the rehearsing process."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from liveops.detection.rehearsal import Rehearsal, Told, alarms
from liveops.detection.relive import PAST_S
from liveops.detection.rule_bank import DETECTOR_OF
from liveops.forecasting.model import fit
from liveops.postgres.database import Database
from liveops.postgres.judged_windows import read_judged, services_like
from liveops.postgres.overlapping_incidents import Overlapping, read_overlapping
from schema.rules import Rule

#: Alarms of one rehearsal that are told at most.
MAX_ALARMS = 1000
_DAY_S = 86_400.0


class Rehearsed(NamedTuple):
    """What a rule would have told in a span, the first alarm first."""

    alarms: list[tuple[Told, list[str]]]
    alarm_count: int
    series_count: int


def rehearse(dsn: str, rule: Rule, from_s: float, to_s: float) -> Rehearsed:
    """Judge the stored windows of a span, after a day to learn from, three for a forecast.

    Raises InvalidInput when there are too many windows, and Unavailable.
    """
    return asyncio.run(_rehearse(dsn, rule, from_s, to_s))


async def _rehearse(dsn: str, rule: Rule, from_s: float, to_s: float) -> Rehearsed:
    database = Database(dsn, max_connections=1)
    try:
        learns = rule.kind in DETECTOR_OF
        past_s = PAST_S if rule.kind == "forecast" else _DAY_S
        first_s = from_s - past_s if learns else from_s
        services = await services_like(database, rule.service, first_s)
        windows = await read_judged(database, services, rule.window, first_s, to_s)
        incidents = await read_overlapping(database, from_s, to_s)
    finally:
        await database.stop()
    rehearsal = Rehearsal([rule], fit)
    told = [one for one in alarms(rehearsal.run(windows)) if one.first.onset_s >= from_s]
    named = [(one, _known(one, to_s, incidents)) for one in told[:MAX_ALARMS]]
    return Rehearsed(named, len(told), len(rehearsal.series))


def _known(told: Told, to_s: float, incidents: list[Overlapping]) -> list[str]:
    end_s = to_s if told.end_s is None else told.end_s
    first = told.first
    return [one.id for one in incidents if one.was_about(first.service_name, first.onset_s, end_s)]
