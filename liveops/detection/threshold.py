"""Threshold rules: a field of a window against a fixed value, also while it is open.

An open window holds part of its values only. What it shows can be final already (a maximum
never falls), or likely to last, or nothing yet; then the closed window decides.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from statistics import median

from liveops.detection.state import Verdict
from schema.metrics import WINDOW_S, Aggregate
from schema.rules import Rule

COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
UPWARD = frozenset({">", ">="})
#: Fields that show what is usual in the window once they rest on a few samples.
_TYPICAL = frozenset({"mean", "p50", "p95", "p99"})
#: Fields that grow with every value: too low is known at the window's end.
_GROWING = frozenset({"count", "sum", "increase"})
#: So many samples are enough, or what the series usually has in a window if that is less.
ENOUGH_SAMPLES = 3
#: Closed windows after which their usual number of samples is known.
_KNOWN_FROM = 3
#: Share of a window that must have passed where samples alone do not tell.
_SHARE = 0.2


def usual_count(counts: Sequence[int]) -> float:
    """Samples of a usual closed window, from those of the last ones."""
    return median(counts) if len(counts) >= _KNOWN_FROM else ENOUGH_SAMPLES


def judge(rule: Rule, window: Aggregate, usual: float = ENOUGH_SAMPLES) -> Verdict | None:
    """The verdict, or None when an open window cannot tell yet.

    `usual` is how many samples the series has in a closed window of this size.
    """
    if rule.op is None or rule.value is None:
        return None
    measured = getattr(window, rule.field)
    if measured is None:  # no counter or delta
        return None
    value = float(measured)
    breach = COMPARE[rule.op](value, rule.value)
    grounds = "" if window.final else _grounds(rule, window, usual)
    if grounds is None:
        return None
    upward = rule.op in UPWARD
    distance = abs(value - rule.value) / (abs(rule.value) or 1.0)
    word = "breaks" if breach else "keeps"
    return Verdict(
        breach=breach,
        healthy=not breach,
        value=value,
        expected=None,
        lower=None if upward else rule.value,
        upper=rule.value if upward else None,
        score=distance if breach else 0.0,
        reason=f"{rule.field} {value:.6g} {word} the rule {rule.op} {rule.value:.6g}{grounds}",
    )


def _grounds(rule: Rule, window: Aggregate, usual: float) -> str | None:
    """Why the open window may be judged already, as the reason says it; None: it may not."""
    upward = rule.op in UPWARD
    if upward and _only_rises(rule, window):
        return f" ({rule.field} can only rise until the window closes)"
    if rule.field in _GROWING:
        return None
    elapsed_s = window.count / window.rate if window.rate else 0.0
    passed = elapsed_s >= _SHARE * WINDOW_S[window.window]
    typical = rule.field in _TYPICAL
    if typical and window.count < min(ENOUGH_SAMPLES, usual):
        return None
    if typical and (upward or window.count >= usual):
        return f" ({window.count} sample{'s' * (window.count > 1)} so far)"
    if not passed:
        return None
    return f" ({elapsed_s:.0f} s of the window so far)"


def _only_rises(rule: Rule, window: Aggregate) -> bool:
    """Whether more values can only raise the field."""
    if rule.field in ("sum", "increase"):
        return window.min >= 0
    if rule.field == "rate" and rule.op and rule.value is not None:
        return COMPARE[rule.op](window.count / WINDOW_S[window.window], rule.value)
    return rule.field in ("max", "count")
