"""Threshold rules: a field of a window against a fixed value."""

from __future__ import annotations

import operator
from collections.abc import Callable

from liveops.detection.state import Verdict
from schema.metrics import Aggregate
from schema.rules import Rule

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
#: Fields that only grow while a window is open: "too low" is known at its end.
_GROWING = frozenset({"count", "sum", "rate"})


def judge(rule: Rule, window: Aggregate) -> Verdict | None:
    """The verdict, or None when an open window cannot tell yet."""
    if rule.op is None or rule.value is None:
        return None
    upward = rule.op in (">", ">=")
    if not window.final and not upward and rule.field in _GROWING:
        return None
    value = float(getattr(window, rule.field))
    breach = _COMPARE[rule.op](value, rule.value)
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
        reason=f"{rule.field} {value:.6g} {word} the rule {rule.op} {rule.value:.6g}",
    )
