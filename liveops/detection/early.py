"""An open window judged before it closes: nothing is learned from it. Pure.

Its value counts only as far as it lies beyond what the samples still missing may bring. A
value that the level finds rare is put to the whole ensemble, on a copy of the series' row.
While the closed windows before it are yet to come, as in a backlog, it is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from liveops.detection import arrays, ensemble
from liveops.detection.bank import empty_bank
from liveops.detection.rule_bank import DETECTOR_OF, Chosen, Judged, RuleBank, Seen, value_of
from liveops.detection.tails import Bools, Floats, Ints

#: Fields whose value in an open window estimates that of the closed one.
STEADY_FIELDS = frozenset({"mean", "p50"})
#: Standard errors of the missing samples that a value may be off by.
_ERRORS = 6.0
#: Share of a window's own standard error that counts: one wild sample is no evidence.
_WEIGHT_OF_OWN = 1 / 3
_LEAST_SAMPLES = 3.0
#: Level surprise, as a share of the bar, from which the whole ensemble is asked.
_SUSPECT = 0.6


def judge_open(bank: RuleBank, windows: Sequence[Seen]) -> Iterator[tuple[Seen, Judged]]:
    """Open windows that start an alarm already; their excursions have begun then."""
    if bank.rule.kind == "shape" or bank.rule.field not in STEADY_FIELDS:
        return
    known = [one for item in windows if (one := _known(bank, item)) is not None]
    if not known:
        return
    rows = np.array([one.row for one in known], np.int64)
    value = np.array([one.value for one in known])
    suspect, pulled = _suspects(bank, rows, [one.seen for one in known], value)
    for place in np.flatnonzero(suspect).tolist():
        seen = known[place].seen
        judged = _as_if_closed(bank, known[place].row, seen, float(pulled[place]))
        if judged is not None:
            yield seen, judged


def _known(bank: RuleBank, item: Seen) -> Chosen | None:
    """The window with its row; None where it cannot be judged yet."""
    row = bank.find(item.service, item.window.series)
    # What a counter grew by in a part of a minute says less than the mean of a part.
    if row is None or item.window.kind in ("counter", "delta"):
        return None
    value = value_of(bank.rule, item.window)
    if value is None or not _follows(bank, row, item.window.start_s):
        return None
    return Chosen(item, value, row)


def _follows(bank: RuleBank, row: int, start_s: float) -> bool:
    """Whether the closed windows before are known: the last may wait for late values still."""
    since_s = start_s - float(bank.bank.newest_s[row])
    return 0.0 < since_s <= float(bank.bank.usual.gap_s[row]) + bank.step_s


def _suspects(
    bank: RuleBank, rows: Ints, windows: Sequence[Seen], value: Floats
) -> tuple[Bools, Floats]:
    """Which have a rare level and are not firing; the values, pulled in by their error."""
    memory, usual = bank.bank, bank.bank.usual
    time_s = np.array([item.window.start_s for item in windows], np.float64)
    samples = np.array([item.window.count for item in windows], np.float64)
    own = np.array([item.window.stddev for item in windows]) / np.sqrt(samples)
    known = np.maximum(usual.samples[rows], 1.0)
    missing = usual.spread[rows] * np.sqrt(np.maximum(0.0, 1.0 / samples - 1.0 / known))
    error = _ERRORS * np.hypot(missing, _WEIGHT_OF_OWN * own)
    whole = memory.whole[rows]
    detector = DETECTOR_OF[bank.rule.kind]
    first = ensemble.look(memory, rows, time_s, value, whole, detector)
    off = value - first.expected
    pulled = first.expected + np.sign(off) * np.maximum(np.abs(off) - error, 0.0)
    look = ensemble.look(memory, rows, time_s, pulled, whole, detector)
    bar = ensemble.bar_of(bank.one_alarm_in_days, bank.step_s)
    suspect = np.maximum(look.surprise, look.extreme) >= _SUSPECT * bar
    suspect &= (usual.samples[rows] > 0) & (samples >= np.minimum(_LEAST_SAMPLES, known))
    suspect &= ~memory.excursions.firing[rows]
    return suspect, pulled


def _as_if_closed(bank: RuleBank, row: int, item: Seen, value: float) -> Judged | None:
    """The verdict if the window closed like this; None unless an alarm starts."""
    copy = empty_bank(1, bank.step_s)
    for ours, theirs in zip(arrays.every(copy), arrays.every(bank.bank), strict=True):
        ours[0] = theirs[row]
    verdicts = ensemble.judge(
        copy,
        np.zeros(1, np.int64),
        np.array([item.window.start_s], np.float64),
        np.array([value]),
        DETECTOR_OF[bank.rule.kind],
        bank.one_alarm_in_days,
    )
    if not verdicts.alarm[0]:
        return None
    arrays.renew(bank.bank.excursions, copy.excursions, row)
    return Judged(verdicts, 0, starts=True, firing=True)
