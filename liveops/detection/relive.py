"""A rule's memory of series made from what was kept of it and from stored windows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

import msgspec
import numpy as np

from liveops.detection import ensemble, novelty, stored
from liveops.detection.rule_bank import DETECTOR_OF, RuleBank
from schema.rules import Rule

#: Of a long past only the newest windows are compared in shape; the others are remembered.
_SHAPES_JUDGED = 600
#: How far back a series that was not kept is read: three days prove the season of a day.
PAST_S = 3 * 86_400.0

#: Start in epoch seconds, service, series, value.
StoredWindow = tuple[int, str, str, float]


@dataclass(slots=True)
class Past:
    """What is known of some series: kept memory by service and series, and windows."""

    kept: dict[tuple[str, str], bytes] = field(default_factory=dict)
    windows: list[StoredWindow] = field(default_factory=list)


def recalled(rule: Rule, kept: Mapping[tuple[str, str], bytes]) -> RuleBank:
    """A bank with the series that were kept; what does not fit is left out."""
    bank = RuleBank(rule)
    for (service, series), state in kept.items():
        row = bank.admit(service, series)
        if row is None:
            return bank
        try:
            stored.decode_into(bank.bank, row, state)
        except msgspec.MsgspecError:
            bank.forget(service, series)
    return bank


def relive(bank: RuleBank, windows: Iterable[StoredWindow]) -> None:
    """Let the bank learn windows as if they came now; nothing is told of them.

    An excursion that a series it did not know is in is told with its next window.
    """
    known = {(service, series) for service, series, _ in bank.rows()}
    ordered = sorted(windows, key=itemgetter(0))
    moments = [(start_s, list(same)) for start_s, same in groupby(ordered, key=itemgetter(0))]
    for place, (start_s, same) in enumerate(moments):
        in_full = place >= len(moments) - _SHAPES_JUDGED
        _learn(bank, start_s, same, in_full=in_full)
    for service, series, row in bank.rows():
        if (service, series) not in known and bank.bank.excursions.firing[row]:
            bank.untold.add(row)


def _learn(bank: RuleBank, start_s: int, same: list[StoredWindow], *, in_full: bool) -> None:
    values: dict[int, float] = {}
    for _, service, series, value in same:
        row = bank.admit(service, series)
        if row is not None and start_s > bank.bank.newest_s[row]:
            values[row] = value
    if not values:
        return
    rows = np.array(list(values), np.int64)
    column = np.array(list(values.values()), np.float64)
    detector = DETECTOR_OF[bank.rule.kind]
    if not in_full:
        detector = "zscore"
        for row, one in values.items():
            novelty.remember(bank.bank.shapes, row, one)
    time_s = np.full(len(rows), float(start_s))
    ensemble.judge(bank.bank, rows, time_s, column, detector, bank.one_alarm_in_days)
