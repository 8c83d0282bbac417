"""The bank of one rule of a learning kind, and which of its rows is which series. Pure.

Rows are reused: a series that is forgotten leaves its row to the next newcomer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import NamedTuple

import numpy as np

from liveops.detection import arrays, ensemble, tails
from liveops.detection.bank import Bank, clear_row, empty_bank, grow_bank
from liveops.detection.ensemble import ONE_ALARM_IN_DAYS, Detector, Verdicts
from liveops.detection.tails import Bools, Floats, Ints
from schema.metrics import WINDOW_S, Aggregate
from schema.rules import Rule, RuleKind, judged_field

#: Series a rule remembers at most; those beyond are not judged by it.
MAX_ROWS = 20_000
_FIRST_ROWS = 16
_MOST_GAP_S = 86_400.0
#: Weight of the newest window in what is usual of samples and spread.
_NEW = 0.1
DETECTOR_OF: dict[RuleKind, Detector] = {
    "ensemble": "ensemble",
    "zscore": "zscore",
    "forecast": "forecast",
    "shape": "shape",
}


class Seen(NamedTuple):
    """A window of a service that is to be judged."""

    service: str
    window: Aggregate


class Chosen(NamedTuple):
    """A window with the value that a rule judges of it, and the row of its series."""

    seen: Seen
    value: float
    row: int


@dataclass(slots=True)
class Standing:
    """How each series was last judged."""

    surprise: Floats
    bar: Floats
    expected: Floats
    lower: Floats
    upper: Floats

    @classmethod
    def empty(cls, rows: int) -> Standing:
        """Of series that were never judged."""
        return cls(*(np.zeros(rows) for _ in range(5)))


class Judged(NamedTuple):
    """One window's place among verdicts; whether an excursion is to be told, and goes on."""

    verdicts: Verdicts
    place: int
    starts: bool
    firing: bool


class RuleBank:
    """All that a rule has learned on this worker."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.step_s = float(WINDOW_S[rule.window])
        self.bank: Bank = empty_bank(_FIRST_ROWS, self.step_s)
        self.standing = Standing.empty(_FIRST_ROWS)
        #: Rows in an excursion that nobody was told of.
        self.untold: set[int] = set()
        self._free = list(range(_FIRST_ROWS))[::-1]
        self._rows: dict[str, dict[str, int]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._rows.values()))

    @property
    def one_alarm_in_days(self) -> float:
        """How seldom a healthy series should alarm."""
        if self.rule.sensitivity is not None:
            return ensemble.days_of(tails.of_deviations(self.rule.sensitivity), self.step_s)
        return self.rule.one_alarm_in_days or ONE_ALARM_IN_DAYS

    def find(self, service: str, series: str) -> int | None:
        """The row of a series, if it has one."""
        return self._rows.get(service, {}).get(series)

    def series_of(self, service: str) -> dict[str, int]:
        """The rows of a service's series."""
        return self._rows.get(service, {})

    def rows(self) -> Iterator[tuple[str, str, int]]:
        """Service, series and row of all."""
        for service, series in self._rows.items():
            for name, row in series.items():
                yield service, name, row

    def admit(self, service: str, series: str) -> int | None:
        """The row of a series, a fresh one at first; None when there are too many."""
        found = self.find(service, series)
        if found is not None:
            return found
        if not self._free:
            have = len(self.bank.count)
            if have >= MAX_ROWS:
                return None
            self._grow(have)
        row = self._rows.setdefault(service, {})[series] = self._free.pop()
        return row

    def _grow(self, have: int) -> None:
        grow_bank(self.bank, have + 1)
        size = len(self.bank.count)
        arrays.move(self.standing, Standing.empty(size), have)
        self._free = list(range(have, min(size, MAX_ROWS)))[::-1]

    def newest_s(self, service: str, series: str) -> float:
        """Start of the newest window learned of a series; 0 without any."""
        row = self.find(service, series)
        return 0.0 if row is None else max(0.0, float(self.bank.newest_s[row]))

    def may_choose(self, service: str) -> bool:
        """Whether the rule is about a service at all."""
        return fnmatchcase(service, self.rule.service)

    def adopt(self, other: RuleBank) -> None:
        """Take what another bank of this rule knows of its series, in the place of the own."""
        for service, series, theirs in other.rows():
            row = self.admit(service, series)
            if row is not None:
                pairs = zip(arrays.every(self.bank), arrays.every(other.bank), strict=True)
                for mine, known in pairs:
                    mine[row] = known[theirs]
                if theirs in other.untold:
                    self.untold.add(row)

    def forget(self, service: str, series: str) -> None:
        """A series is no more."""
        row = self._rows.get(service, {}).pop(series, None)
        if row is not None:
            clear_row(self.bank, row)
            arrays.renew(self.standing, Standing.empty(1), row)
            self.untold.discard(row)
            self._free.append(row)

    def forget_service(self, service: str) -> None:
        """A service is no more, or no more here."""
        for series in list(self._rows.get(service, ())):
            self.forget(service, series)
        self._rows.pop(service, None)

    def judge(self, windows: Iterable[Seen]) -> Iterator[tuple[Seen, Judged]]:
        """Judge closed windows and learn them, each of a series in turn; old ones are passed over.

        A series without a row gives nothing.
        """
        for turn in self._turns(windows):
            rows = np.array([one.row for one in turn], np.int64)
            seen = [one.seen for one in turn]
            before_s = self.bank.newest_s[rows]
            verdicts = ensemble.judge(
                self.bank,
                rows,
                np.array([item.window.start_s for item in seen], np.float64),
                np.array([one.value for one in turn], np.float64),
                DETECTOR_OF[self.rule.kind],
                self.one_alarm_in_days,
            )
            self._note(rows, seen, verdicts, before_s)
            firing = self.bank.excursions.firing[rows]
            starts = verdicts.alarm | (firing & np.isin(rows, list(self.untold)))
            self.untold.difference_update(rows.tolist())
            for place, item in enumerate(seen):
                yield item, Judged(verdicts, place, bool(starts[place]), bool(firing[place]))

    def _turns(self, windows: Iterable[Seen]) -> list[list[Chosen]]:
        """Windows with their rows, so that no row is twice in one turn and its times rise."""
        turns: list[list[Chosen]] = []
        count: dict[int, int] = {}
        newest: dict[int, float] = {}
        for item in windows:
            value = value_of(self.rule, item.window)
            row = None if value is None else self.admit(item.service, item.window.series)
            if row is None or value is None:
                continue
            if item.window.start_s <= newest.get(row, float(self.bank.newest_s[row])):
                continue
            newest[row] = item.window.start_s
            turn = count[row] = count.get(row, -1) + 1
            if turn == len(turns):
                turns.append([])
            turns[turn].append(Chosen(item, value, row))
        return turns

    def _note(self, rows: Ints, seen: Sequence[Seen], verdicts: Verdicts, before_s: Floats) -> None:
        now = self.standing
        now.surprise[rows], now.bar[rows] = verdicts.surprise, verdicts.bar
        now.expected[rows] = verdicts.expected
        now.lower[rows], now.upper[rows] = verdicts.lower, verdicts.upper
        samples = np.array([item.window.count for item in seen], np.float64)
        spread = np.array([item.window.stddev for item in seen])
        usual = self.bank.usual
        first: Bools = usual.samples[rows] == 0
        share = np.where(first, 1.0, _NEW)
        usual.samples[rows] += share * (samples - usual.samples[rows])
        usual.spread[rows] += share * (spread - usual.spread[rows])
        gap_s = np.minimum(self.bank.newest_s[rows] - before_s, _MOST_GAP_S)
        usual.gap_s[rows] += share * (np.where(first, self.step_s, gap_s) - usual.gap_s[rows])


def value_of(rule: Rule, window: Aggregate) -> float | None:
    """What a rule judges of a window: of counters their rate; None where it has no such field."""
    measured = getattr(window, judged_field(rule.field, window.kind))
    return None if measured is None else float(measured)
