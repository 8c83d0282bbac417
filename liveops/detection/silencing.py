"""When a silence holds, and what it covers. Pure.

A silence that recurs holds for `duration_s` from each time its RFC 5545 rule names; times of
day are those of its zone, so that summer time moves nothing.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

from schema.incidents import Severity
from schema.rules import Silence
from schema.times import parse_time_s

#: Times of one silence; daily ones for five years.
MAX_TIMES = 2000
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
#: With days or weeks these may name days that never come, which are looked for without end.
_OF_LONGER = re.compile(r"FREQ=(DAILY|WEEKLY)\b.*BY(MONTHDAY|YEARDAY|WEEKNO|EASTER)=|"
                        r"BY(MONTHDAY|YEARDAY|WEEKNO|EASTER)=.*FREQ=(DAILY|WEEKLY)\b")  # fmt: skip
#: Nothing finer than a day, and nothing but the rule itself.
_RULE = re.compile(r"[A-Z0-9=;,+\-]{1,300}")
_STILL = re.compile(r"INTERVAL=0+(?!\d)")
_FINER = re.compile(r"BY(HOUR|MINUTE|SECOND)=")


class Muting:
    """A silence made ready to be asked often; raises ValueError for one that makes no sense."""

    def __init__(self, silence: Silence) -> None:
        self.silence = silence
        self.starts_s = parse_time_s(silence.starts_at)
        self.ends_s = parse_time_s(silence.ends_at)
        self._times: tuple[float, ...] = ()
        if silence.rrule is not None:
            if silence.duration_s is None:
                raise ValueError("a silence that recurs needs duration_s")
            self._times = _times(silence.rrule, silence.zone, self.starts_s, self.ends_s)

    def span_at(self, at_s: float) -> tuple[float, float] | None:
        """The span (epoch seconds, end exclusive) in which it holds at that time, if it does."""
        if not self.starts_s <= at_s < self.ends_s:
            return None
        if self.silence.rrule is None:
            return self.starts_s, self.ends_s
        place = bisect_right(self._times, at_s) - 1
        if place < 0:
            return None
        begin_s = self._times[place]
        end_s = min(begin_s + (self.silence.duration_s or 0.0), self.ends_s)
        return (begin_s, end_s) if at_s < end_s else None

    def next_change_s(self, at_s: float) -> float | None:
        """When it begins or ends next after that time; None for never again."""
        span = self.span_at(at_s)
        if span is not None:
            return span[1]
        if self.silence.rrule is None:
            return self.starts_s if at_s < self.starts_s else None
        place = bisect_right(self._times, at_s)
        return self._times[place] if place < len(self._times) else None

    def covers(
        self, service: str, metric_type: str, tags: Mapping[str, str], severity: Severity
    ) -> bool:
        """Whether it is about such a detection, whenever that was."""
        silence = self.silence
        return (
            fnmatchcase(service, silence.service)
            and fnmatchcase(metric_type, silence.metric)
            and silence.severity in (None, severity)
            and silence.tags.items() <= tags.items()
        )


@lru_cache(maxsize=256)
def _times(text: str, zone: str | None, starts_s: float, ends_s: float) -> tuple[float, ...]:
    """When the rule begins anew from its start to its end; raises ValueError."""
    if not _RULE.fullmatch(text):
        raise ValueError("rrule is the value of an RRULE, such as FREQ=WEEKLY;BYDAY=SA")
    frequency = re.search(r"(?:^|;)FREQ=([A-Z]+)", text)
    if frequency is None or frequency[1] not in _FREQUENCIES or _FINER.search(text):
        raise ValueError("rrule recurs by DAILY, WEEKLY, MONTHLY or YEARLY, nothing finer")
    if _STILL.search(text):
        raise ValueError("INTERVAL is at least 1")
    if _OF_LONGER.search(text):
        raise ValueError("BYMONTHDAY, BYYEARDAY and BYWEEKNO belong to MONTHLY and YEARLY rules")
    start = datetime.fromtimestamp(starts_s, zone_of(zone))
    rule = rrulestr(text, dtstart=start)
    end = datetime.fromtimestamp(ends_s, UTC)
    found: list[float] = []
    for one in islice(rule, MAX_TIMES + 1):
        if one >= end:
            break
        found.append(one.timestamp())
    if len(found) > MAX_TIMES:
        raise ValueError(f"over {MAX_TIMES} times until ends_at")
    if not found:
        raise ValueError("rrule names no time before ends_at")
    return tuple(found)


def zone_of(name: str | None) -> ZoneInfo:
    """The time zone, UTC unless named; raises ValueError."""
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, OSError, ValueError):
        raise ValueError("not a time zone such as Europe/Berlin") from None
