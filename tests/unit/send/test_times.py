"""Times as files write them."""

from __future__ import annotations

from datetime import tzinfo
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from liveops.send.times import FileTimes, Unit
from schema.metrics import Metric

BERLIN = ZoneInfo("Europe/Berlin")
#: 2023-11-14T22:13:20Z
AT_S = 1_700_000_000.0


@pytest.mark.parametrize(
    "stamp",
    [
        AT_S,
        AT_S * 1e3,
        AT_S * 1e6,
        AT_S * 1e9,
        "1700000000",
        "1.7e9",
        " 1700000000000 ",
        "2023-11-14T22:13:20Z",
        "2023-11-14 22:13:20",
        "2023-11-14T22:13:20",
        "2023-11-14 22:13:20.000000",
        "2023-11-14 22:13:20.000000000",
        "2023-11-14 23:13:20+01:00",
        "2023-11-14T23:13:20+0100",
        "2023-11-14 22:13:20Z",
        "2023-11-14T22:13:20.000Z",
    ],
)
def test_every_way_of_writing_a_moment(stamp: float | str) -> None:
    assert FileTimes().seconds(stamp) == AT_S


@pytest.mark.parametrize(
    ("unit", "stamp", "expected_s"),
    [
        (Unit.ms, 5000, 5.0),
        (Unit.us, "5000000", 5.0),
        (Unit.ns, 5e9, 5.0),
        (Unit.s, 200_000_000_000, 2e11),
        (None, -AT_S * 1e3, -AT_S),
    ],
)
def test_the_unit_may_be_given(unit: Unit | None, stamp: float | str, expected_s: float) -> None:
    assert FileTimes(unit).seconds(stamp) == expected_s


@pytest.mark.parametrize("stamp", ["", "x", "nan", "inf", "1e400", "-1e300", 1e300, "0001-01-01x"])
def test_what_is_no_time(stamp: float | str) -> None:
    with pytest.raises(ValueError, match="time"):
        FileTimes().seconds(stamp)


@pytest.mark.parametrize("zone", [ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")])
def test_beyond_the_ends_of_the_calendar_there_is_no_time(zone: tzinfo) -> None:
    end = "0001-01-01 00:00:00" if str(zone) == "Asia/Tokyo" else "9999-12-31 23:59:59"
    with pytest.raises(ValueError, match="time"):
        FileTimes(zone=zone).seconds(end)


def series(name: str) -> Metric:
    return Metric("", name, "cpu", 1.0, {}, 0.0)


def seconds(zone: tzinfo, *stamps: str) -> list[float]:
    times = FileTimes(zone=zone)
    return [times.seconds(stamp, series("a")) for stamp in stamps]


def test_local_times_are_those_of_the_zone() -> None:
    [winter_s, summer_s] = seconds(BERLIN, "2023-11-14 23:13:20", "2023-07-01 02:00:00")
    assert winter_s == AT_S
    assert summer_s == FileTimes().seconds("2023-07-01T00:00:00Z")


def test_a_skipped_local_time_is_later_by_the_hour_skipped() -> None:
    [skipped_s, later_s] = seconds(BERLIN, "2024-03-31 02:30:00", "2024-03-31 03:30:00")
    assert skipped_s == later_s


def test_an_hour_that_comes_twice_is_told_apart_by_the_order() -> None:
    stamps = [f"2024-10-27 {time}:00" for time in ("01:45", "02:15", "02:45", "02:15", "02:45")]
    found = seconds(BERLIN, *stamps, "2024-10-27 03:15:00")
    assert [b - a for a, b in pairwise(found)] == [1800] * 5


def test_series_go_through_an_hour_that_comes_twice_each_by_itself() -> None:
    times = FileTimes(zone=BERLIN)
    stamps = ["2024-10-27 02:00:00", "2024-10-27 02:00:00"]
    found = [[times.seconds(stamp, series(name)) for name in "ab"] for stamp in stamps]
    assert found[0][0] == found[0][1] == found[1][0] - 3600 == found[1][1] - 3600
