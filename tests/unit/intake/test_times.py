"""Times of many records at once are those of each alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from liveops.intake.times import seconds_of
from schema.times import parse_time_s

HOUR = datetime(2026, 11, 23, 20, tzinfo=UTC)
NEAR = st.timedeltas(timedelta(0), timedelta(hours=1, seconds=1)).map(lambda d: HOUR + d)
MOMENTS = NEAR | st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@st.composite
def texts(draw: st.DrawFn) -> str:
    """A time as producers of several languages write it."""
    moment: datetime = draw(MOMENTS)
    kind = draw(st.sampled_from(["seconds", "milliseconds", "microseconds", "auto"]))
    zone = timezone(timedelta(hours=draw(st.sampled_from([0, 0, 2]))))
    text = moment.astimezone(zone).isoformat(timespec=kind)
    text = text.replace("+00:00", "Z") if draw(st.booleans()) else text
    if "." in text and text.endswith("Z") and draw(st.booleans()):
        text = text[:-1].rstrip("0").rstrip(".") + "Z"  # as Go does
    return text


def alone(stamp: Any, append_s: float) -> float:
    if stamp is None:
        return append_s
    if not isinstance(stamp, str):
        return float(stamp)
    try:
        return parse_time_s(stamp)
    except ValueError:
        return float("nan")


BROKEN = st.tuples(texts(), st.integers(0, 40), st.sampled_from([*"09:.TZ-+é ", ""])).map(
    lambda p: p[0][: p[1]] + p[2] + p[0][p[1] + 1 :]
)


def check(stamps: list[Any]) -> None:
    append_s = np.arange(float(len(stamps)))
    expected = [alone(stamp, at) for at, stamp in enumerate(stamps)]
    assert np.array_equal(seconds_of(stamps, append_s), expected, equal_nan=True)


@given(st.lists(texts(), min_size=1, max_size=20))
def test_times_of_all_forms(stamps: list[str]) -> None:
    check(stamps)


@given(st.lists(texts() | BROKEN | st.none() | st.floats(0, 2e9), min_size=1, max_size=8))
def test_times_among_what_is_none(stamps: list[Any]) -> None:
    check(stamps)


def test_lengths_that_make_up_for_each_other_are_no_times() -> None:
    check(["2026-11-23T20:25:41.123", "Z2026-11-23T20:25:41.123Z"])
    check(["2026-11-23T20:25:41.123Z", "2026-11-23T20:25:41.123Z"])


def test_one_wrong_sign_anywhere_is_seen() -> None:
    for form in ("2026-11-23T20:25:41.123Z", "2026-11-23T20:25:41+00:00"):
        for at in range(len(form)):
            for sign in "/:.TZ-+é ":
                check([form, form[:at] + sign + form[at + 1 :]])


def test_impossible_times_are_none() -> None:
    for stamp in ("2026-11-23T20:60:00Z", "2026-11-23T20:00:60Z", "2026-02-30T20:00:00Z", ""):
        check([stamp, stamp])
