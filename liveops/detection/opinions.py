"""What learning rules say of the windows of a chunk, as verdicts for their alarms. Pure."""

from __future__ import annotations

from liveops.detection.excursion import ACCEPT_S
from liveops.detection.rule_bank import Judged, Seen
from liveops.detection.state import Alarm, Verdict
from schema.metrics import Aggregate
from schema.rules import Rule, judged_field

_YEAR_S, _DAY_S, _HOUR_S = 365 * 86_400.0, 86_400.0, 3600.0
#: Above it nobody can tell how rare something is.
_MOST_YEARS = 100
#: The highest surprise that is told as a number.
MOST_TOLD = 12.0
_ACCEPTED = f"accepted as the new normal after {ACCEPT_S / _HOUR_S:.0f} h"
_QUIET = Verdict(
    breach=False,
    healthy=True,
    value=0.0,
    expected=None,
    lower=None,
    upper=None,
    score=0.0,
    reason="",
)


class Opinions:
    """Verdicts by rule and window."""

    def __init__(self) -> None:
        self._judged: dict[tuple[str, str, str, int], Judged] = {}

    def add(self, rule_id: str, seen: Seen, judged: Judged) -> None:
        """A rule has judged a window."""
        window = seen.window
        self._judged[(rule_id, seen.service, window.series, window.start_s)] = judged

    def verdict(self, rule: Rule, service: str, window: Aggregate, alarm: Alarm) -> Verdict | None:
        """What the rule says; None while it learns, or where it does not say anything.

        An excursion that is expected, as it came at equal distance before, is no breach: it
        breaches from the start or not at all.
        """
        judged = self._judged.get((rule.id, service, window.series, window.start_s))
        if judged is None or judged.verdicts.learning[judged.place]:
            return None
        breach = judged.starts or (judged.firing and alarm.pending_s is not None)
        if not breach and alarm.pending_s is None:
            return _QUIET
        return _verdict(rule, window, judged, breach=breach)


NO_OPINIONS = Opinions()


def _verdict(rule: Rule, window: Aggregate, judged: Judged, *, breach: bool) -> Verdict:
    verdicts, place = judged.verdicts, judged.place
    surprise = float(verdicts.surprise[place])
    expected = float(verdicts.expected[place])
    lower, upper = float(verdicts.lower[place]), float(verdicts.upper[place])
    field = judged_field(rule.field, window.kind)
    value = float(getattr(window, field))
    return Verdict(
        breach=breach,
        healthy=not judged.firing,
        value=value,
        expected=expected,
        lower=lower,
        upper=upper,
        score=min(surprise, MOST_TOLD),
        reason=(
            f"{field} {value:.6g} {_how(judged, value > expected)} the expected "
            f"{expected:.6g} (bounds {lower:.6g} to {upper:.6g}): "
            f"{rarity(surprise, window.end_s - window.start_s)}"
        ),
        over=bool(verdicts.over[place] or verdicts.accepted[place]),
        end_reason=_ACCEPTED if verdicts.accepted[place] else "",
    )


def _how(judged: Judged, is_above: bool) -> str:
    side = "above" if is_above else "below"
    if judged.verdicts.is_lasting[judged.place]:
        return f"has for an hour been {side}"
    return f"is {side}"


def rarity(surprise: float, step_s: float) -> str:
    """How often a healthy series shows such a window."""
    every_s = step_s * 10.0 ** min(surprise, 30.0)
    if every_s >= _MOST_YEARS * _YEAR_S:
        return f"rarer than once in {_MOST_YEARS} years"
    for unit_s, name in ((_YEAR_S, "years"), (_DAY_S, "days"), (_HOUR_S, "hours")):
        if every_s >= 2 * unit_s:
            return f"about once in {every_s / unit_s:.0f} {name}"
    return f"about once in {every_s / 60.0:.0f} minutes"
