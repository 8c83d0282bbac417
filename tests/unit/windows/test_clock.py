"""Whose clock moves when: a slow reader makes nobody late, a silent one holds nobody up."""

from __future__ import annotations

from typing import Any

from liveops.metrics.windows import READERS_SILENT
from liveops.windows.state import WindowLimits
from schema.topics import RAW, RAW_KEYED
from tests.windows_model import Log, right_partition

SERVICE = "shop"
HOME = right_partition(SERVICE, 2)
AWAY = 1 - HOME
START_S = 1_700_000_100.0


def metric(at_s: float, value: float = 1.0) -> dict[str, Any]:
    return {"service_name": SERVICE, "metric_type": "cpu", "value": value, "timestamp": at_s}


def corrected(log: Log) -> list[dict[str, Any]]:
    return [got for got in log.published if got["revision"] > 0]


class TwoWorkers:
    """A producer with a partitioner of its own; the worker of the other partition lags."""

    def __init__(self, lag_s: int) -> None:
        self.log = Log(2, WindowLimits())
        self.lag_s = lag_s
        self.forwarded = 0

    def second(self, at: int, *, sends: bool = True) -> None:
        """One second: a metric, the reading of the home partition, what the other one manages."""
        now_s = START_S + at
        if sends:
            self.log.append(AWAY if at % 2 else HOME, now_s, metric(now_s))
        self.log.read(HOME, RAW, 100)
        if at >= self.lag_s:
            due = (at - self.lag_s + 1) // 2
            self.log.read(AWAY, RAW, max(0, due - self.forwarded))
            self.forwarded = max(due, self.forwarded)
        self.log.read(HOME, RAW_KEYED, 100)
        for number in (AWAY, HOME):
            self.log.tick(number, now_s + 0.5)
        self.log.read(HOME, RAW_KEYED, 100)
        self.log.owners[HOME].windows.settle()
        self.log.checkpoint(HOME)


def test_a_worker_that_lags_makes_no_metric_late() -> None:
    world = TwoWorkers(lag_s=25)
    for at in range(299):
        world.second(at)
    for at in range(299, 360):
        world.second(at, sends=False)
    assert not corrected(world.log)
    assert not world.log.dirty
    minutes = [got for got in world.log.published if got["window"] == "1m"]
    assert sum(got["count"] for got in minutes) == 299


def test_open_windows_are_judged_while_a_worker_lags() -> None:
    world = TwoWorkers(lag_s=25)
    for at in range(100):
        world.second(at)
    assert len([got for got in world.log.open if got["service_name"] == SERVICE]) >= 100


def test_a_reader_with_nothing_more_to_hand_on_says_so_and_windows_close() -> None:
    world = TwoWorkers(lag_s=0)
    world.second(1)
    for at in range(2, 75):
        world.second(at, sends=False)
    assert [got["count"] for got in world.log.published if got["window"] == "1m"] == [1]


def test_a_reader_silent_for_half_a_minute_holds_nobody_up_and_its_values_correct() -> None:
    log = Log(2, WindowLimits())
    for at in range(0, 20, 2):
        log.append(HOME, START_S + at, metric(START_S + at))
        log.append(AWAY, START_S + at + 1, metric(START_S + at + 1))
    log.read(HOME, RAW, 100)
    log.read(AWAY, RAW, 5)  # and then its worker hangs
    log.read(HOME, RAW_KEYED, 100)
    for at in range(60, 120):
        log.tick(HOME, START_S + at)
        log.checkpoint(HOME)
        closed = [got["count"] for got in log.published if got["window"] == "1m"]
        assert not closed or at > 90
    assert closed == [15]
    assert log.owners[HOME].windows.state.silent == {AWAY}
    log.read(AWAY, RAW, 100)
    log.read(HOME, RAW_KEYED, 100)
    assert log.owners[HOME].windows.state.silent == set()
    log.owners[HOME].windows.settle()
    log.checkpoint(HOME)
    assert [(got["count"], got["revision"]) for got in corrected(log)] == [(20, 1)]


def test_after_an_hour_without_it_a_service_waits_for_an_origin_no_more() -> None:
    log = Log(2, WindowLimits())
    log.append(AWAY, START_S, metric(START_S))
    log.read(AWAY, RAW, 1)
    log.read(HOME, RAW_KEYED, 1)
    log.tick(AWAY, START_S + 3700)
    log.tick(AWAY, START_S + 3800)
    assert len(log.records[(RAW_KEYED, HOME)]) == 2  # the record, and one mark beyond the hour
    log.read(HOME, RAW_KEYED, 10)
    silent = READERS_SILENT._value.get()
    for at in range(3800, 3900):
        log.tick(HOME, START_S + at)
    assert READERS_SILENT._value.get() == silent  # its silence is none that anybody waits for
    log.append(HOME, START_S + 7200, metric(START_S + 7200))
    log.append(HOME, START_S + 7300, metric(START_S + 7300))
    log.read(HOME, RAW, 2)
    log.checkpoint(HOME)
    starts = [got["start"] for got in log.published if got["window"] == "1m"]
    assert len(starts) == 2


def test_marks_go_on_after_a_restart() -> None:
    log = Log(2, WindowLimits())
    log.append(AWAY, START_S, metric(START_S))
    log.read(AWAY, RAW, 1)
    log.checkpoint(AWAY)
    log.crash(AWAY, 0)
    log.tick(AWAY, START_S + 30)
    log.read(HOME, RAW_KEYED, 10)
    assert log.owners[HOME].windows.state.clocks[AWAY] == START_S + 30
