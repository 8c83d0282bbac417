"""When open windows go out: the interval, and the longer one for thousands of series."""

from typing import Any

from liveops.windows.state import WindowLimits
from schema.topics import RAW
from tests.windows_model import Log

BEGAN_S = 1_700_000_040.0
LIMITS = WindowLimits(emit_interval_s=0.25, stretch_above=3)
MANY, FEW = 8, 1


def _metric(number: int, time_s: float) -> dict[str, Any]:
    names = {"service_name": "shop", "metric_type": f"m{number}"}
    return {**names, "value": 1.0, "timestamp": time_s, "tags": {}}


def _ticks_with_output(series: list[int]) -> list[int]:
    """Quarters of a second, each with one value of so many series, after which some went out."""
    log, found = Log(1, LIMITS), []
    for quarter, count in enumerate(series):
        time_s = BEGAN_S + quarter / 4
        for number in range(count):
            log.append(0, time_s, _metric(number, time_s))
        before = len(log.open)
        log.read(0, RAW, count)
        if len(log.open) > before:
            found.append(quarter)
    return found


def test_few_changed_series_go_out_each_interval() -> None:
    assert _ticks_with_output([FEW] * 12) == list(range(12))


def test_many_changed_series_go_out_each_second_only() -> None:
    assert _ticks_with_output([MANY] * 13)[1:] == [4, 8, 12]


def test_when_fewer_change_the_shorter_interval_is_back() -> None:
    found = _ticks_with_output([MANY] * 8 + [FEW] * 16)
    assert found[-12:] == list(range(12, 24))
    assert [tick for tick in found if 0 < tick < 12] == [4, 8]


def test_series_that_take_turns_do_not_keep_the_longer_interval() -> None:
    """Over a second a few more change than in one short interval."""
    log = Log(1, LIMITS)
    late: list[int] = []
    for quarter in range(24):
        time_s = BEGAN_S + quarter / 4
        turn = range(MANY) if quarter < 4 else [quarter % 5]
        for number in turn:
            log.append(0, time_s, _metric(number, time_s))
        before = len(log.open)
        log.read(0, RAW, len(turn))
        if quarter >= 12 and len(log.open) == before:
            late.append(quarter)
    assert not late


def _given_out(log: Log, service: str, time_s: float, count: int = FEW) -> bool:
    """Whether something goes out after a service sent values of `count` series."""
    before = len(log.open)
    for number in range(count):
        log.append(0, time_s, _metric(number, time_s) | {"service_name": service})
    log.read(0, RAW, count)
    return len(log.open) > before


def test_what_a_service_sends_after_silence_goes_out_at_once_and_the_next_waits() -> None:
    log = Log(1, LIMITS)
    for second in range(20):
        _given_out(log, "busy", BEGAN_S + second / 4)
    at_s = BEGAN_S + 5.01  # the interval's multiple passes with the first of these
    assert _given_out(log, "busy", at_s)
    assert not _given_out(log, "busy", at_s + 0.01)
    assert _given_out(log, "silent", at_s + 0.02)
    assert not _given_out(log, "silent", at_s + 0.03)
    assert _given_out(log, "busy", at_s + 0.3)
    assert not _given_out(log, "large", at_s + 0.31, MANY)
