"""Rules on a window beside another: a change since the window before, a ratio of two metrics. Pure.

Closed windows only: what part of a minute holds says little beside a whole one.
"""

from __future__ import annotations

import math

from liveops.detection.state import SeriesState, Verdict
from liveops.detection.threshold import COMPARE, UPWARD
from schema.metrics import WINDOW_S, Aggregate
from schema.rules import Rule, judged_field

#: A change from nothing is shown as this.
_MOST = 1e6


def judge_change(rule: Rule, series: SeriesState, window: Aggregate) -> Verdict | None:
    """A field beside that of the window directly before: 0.5 is half as much again.

    None while the window is open, after a gap, and where both are 0.
    """
    now = measured(rule, window)
    before = series.last.get(_name(rule, window))
    if not window.final or now is None or before is None:
        return None
    start_s, value = before
    if start_s != window.start_s - WINDOW_S[window.window]:
        return None
    if value == 0.0:
        share = 0.0 if now == 0.0 else math.copysign(math.inf, now)
    else:
        share = (now - value) / abs(value)
    said = f"{rule.field} changed from {value:.6g} to {now:.6g}, by {100 * share:.0f} %,"
    return _verdict(rule, share, said)


def judge_ratio(rule: Rule, above: SeriesState, below: SeriesState, window: str) -> Verdict | None:
    """A field of two series in the newest window that both have closed; None without one."""
    over = above.last.get(f"{window}/{rule.field}")
    under = below.last.get(f"{window}/{rule.field}")
    if over is None or under is None or over[0] != under[0] or under[1] == 0.0:
        return None
    share = over[1] / under[1]
    said = f"{rule.field} is {share:.4g} of that of {rule.per} ({over[1]:.6g} of {under[1]:.6g}),"
    return _verdict(rule, share, said)


def remember(series: SeriesState, rules: list[Rule], window: Aggregate) -> None:
    """Keep what these rules will compare with."""
    for rule in rules:
        value = measured(rule, window)
        if rule.kind in ("change", "ratio") and value is not None:
            series.last[_name(rule, window)] = (window.start_s, value)


def measured(rule: Rule, window: Aggregate) -> float | None:
    """The field of a window; of counters and deltas the rate."""
    value = getattr(window, judged_field(rule.field, window.kind))
    return None if value is None else float(value)


def _name(rule: Rule, window: Aggregate) -> str:
    return f"{window.window}/{rule.field}"


def _verdict(rule: Rule, value: float, said: str) -> Verdict | None:
    if rule.op is None or rule.value is None:
        return None
    breach, upward = COMPARE[rule.op](value, rule.value), rule.op in UPWARD
    value = min(max(value, -_MOST), _MOST)
    word = "breaks" if breach else "keeps"
    return Verdict(
        breach=breach,
        healthy=not breach,
        value=value,
        expected=None,
        lower=None if upward else rule.value,
        upper=rule.value if upward else None,
        score=abs(value - rule.value) / (abs(rule.value) or 1.0) if breach else 0.0,
        reason=f"{said} and {word} the rule {rule.op} {rule.value:.6g}",
    )
