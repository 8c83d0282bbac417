"""When windows close, what is late, what is counted once, what open windows say."""

from __future__ import annotations

from typing import Any

from liveops.windows.state import WindowLimits
from schema.topics import RAW
from tests.windows_model import Log

LIMITS = WindowLimits(lateness_s=10.0, allowed_lateness_s=300.0, max_series=2)
MINUTE = 1_700_000_100.0  # start of a quarter of an hour, UTC
HOUR_S, DAY_S = 3600.0, 86_400.0


def metric(at_s: float, value: float = 1.0, **more: Any) -> dict[str, Any]:
    plain = {"service_name": "shop", "metric_type": "cpu", "value": value, "timestamp": at_s}
    return plain | more


def fed(*metrics: tuple[dict[str, Any], float], log: Log | None = None) -> Log:
    """A log with these (metric, append time) read; outputs published."""
    log = log or Log(1, LIMITS)
    for item, append_s in metrics:
        log.append(0, append_s, item)
    log.read(0, RAW, 1000)
    log.checkpoint(0)
    return log


def at(*times_s: float) -> list[tuple[dict[str, Any], float]]:
    return [(metric(time_s), time_s) for time_s in times_s]


def closed(log: Log) -> list[tuple[str, int]]:
    return [(got["window"], got["count"]) for got in log.published]


def state(log: Log) -> Any:
    return log.owners[0].windows.state.services["shop"]


def test_a_window_closes_when_event_time_passes_its_end_and_the_lateness() -> None:
    log = fed(*at(MINUTE, MINUTE + 69.9))
    assert not log.published
    fed(*at(MINUTE + 70), log=log)
    assert closed(log) == [("1m", 1)]


def test_a_value_on_the_edge_belongs_to_the_later_window() -> None:
    log = fed(*at(MINUTE, MINUTE + 60, MINUTE + 119, MINUTE + 200))
    assert closed(log) == [("1m", 1), ("1m", 2)]


def test_a_producer_an_hour_ahead_closes_nothing_early() -> None:
    log = fed(*at(MINUTE), (metric(MINUTE + 500), MINUTE), *at(MINUTE + 20))
    assert not log.published


def test_a_replay_a_day_behind_stays_a_day_behind() -> None:
    log = fed((metric(MINUTE), MINUTE + DAY_S), (metric(MINUTE + 30), MINUTE + DAY_S + 1))
    assert not log.published
    assert state(log).watermark_s == MINUTE + 30 - 10


def test_a_fast_neighbour_makes_nobody_late() -> None:
    neighbour = metric(MINUTE + 400, service_name="fast")
    log = fed(*at(MINUTE), (neighbour, MINUTE + 1), *at(MINUTE + 2))
    assert state(log).minutes[int(MINUTE)].columns([0])[0, 0] == 2
    assert not log.published


def test_a_backlog_is_closed_by_its_own_times_not_by_the_wall_clock() -> None:
    log = fed(*at(*(MINUTE + n for n in range(0, 50, 5))))
    log.owners[0].windows.settle()
    assert not log.published


def test_a_silent_service_closes_with_the_wall_clock_when_all_is_read() -> None:
    log = fed(*at(MINUTE))
    log.owners[0].windows.tick(MINUTE + 71)
    log.checkpoint(0)
    assert closed(log) == [("1m", 1)]


def test_late_data_gives_one_correction_with_the_next_revision() -> None:
    log = fed(*at(MINUTE, MINUTE + 100))
    fed(*((metric(MINUTE + n), MINUTE + 100) for n in (5, 6)), log=log)
    log.published.clear()
    log.owners[0].windows.settle()
    log.owners[0].windows.settle()
    log.checkpoint(0)
    assert [(g["window"], g["count"], g["revision"]) for g in log.published] == [("1m", 3, 1)]


def test_data_past_the_allowed_lateness_goes_to_the_archive_only() -> None:
    log = fed(*at(MINUTE, MINUTE + 2400))
    fed((metric(MINUTE + 1), MINUTE + 2400), log=log)
    minute = str(int(MINUTE))
    assert log.dirty == [{"service_name": "shop", "minutes": {minute: {"0": 2}}}]


def test_larger_windows_that_got_only_late_data_close_too() -> None:
    log = fed(*at(MINUTE + 270))
    fed((metric(MINUTE + 10), MINUTE + 271), *at(MINUTE + 320), log=log)
    assert ("5m", 2) in closed(log)


def test_a_given_id_counts_once_also_in_one_record() -> None:
    one = "6f1f6a0e-7a55-5e0b-9a59-3c1d0f3b7a11"
    log = Log(1, LIMITS)
    log.append(0, MINUTE, metric(MINUTE, id=one), metric(MINUTE + 1, id=one))
    log.append(0, MINUTE, metric(MINUTE, id=one.upper()))
    fed(*at(MINUTE + 70), log=log)
    assert closed(log) == [("1m", 1)]


def test_an_id_is_forgotten_after_a_quarter_of_an_hour() -> None:
    one = "6f1f6a0e-7a55-5e0b-9a59-3c1d0f3b7a11"
    log = fed((metric(MINUTE, id=one), MINUTE), *at(MINUTE + HOUR_S))
    assert not state(log).dedup.known


def test_too_many_series_are_counted_in_a_visible_overflow_series() -> None:
    log = fed(*((metric(MINUTE, tags={"t": t}), MINUTE) for t in "abcd"), *at(MINUTE + 70))
    tags = {tuple(got["tags"].items()): got["count"] for got in log.published}
    assert tags == {(("t", "a"),): 1, (("t", "b"),): 1, (("liveops_overflow", "true"),): 2}


def test_a_series_unseen_for_an_hour_makes_room_for_another() -> None:
    log = fed(*((metric(MINUTE, tags={"t": t}), MINUTE) for t in "ab"))
    late = MINUTE + 2 * HOUR_S
    for n in (0, 61, 200):
        fed((metric(late + n, tags={"t": "c"}), late + n), log=log)
    tags = [got["tags"] for got in log.published if got["window"] == "1m"]
    assert {"t": "c"} in tags


def test_open_windows_are_told_once_and_divide_the_rate_by_the_time_elapsed() -> None:
    log = fed(*at(*(MINUTE + n for n in range(21))))
    last = [w for record in log.open for w in record["windows"] if w["window"] == "1m"][-1]
    assert (last["final"], last["count"], last["rate"]) == (False, 21, 21 / 20)
    assert {w["window"] for record in log.open for w in record["windows"]} == {"1m", "5m", "15m"}
    seen = len(log.open)
    fed(*at(MINUTE + 21, MINUTE + 21.01), log=log)
    assert len(log.open) == seen + 1


def test_a_service_with_thousands_of_series_is_stored_in_small_values() -> None:
    log = Log(1, WindowLimits(lateness_s=10.0))
    names = [f"m{n}" for n in range(5000)]
    for n, name in enumerate(names):
        item = metric(MINUTE + n / 1000, n / 4, metric_type=name, tags={"host": "h" * 200})
        log.append(0, MINUTE + 10, item)
    log.read(0, RAW, 10_000)
    log.crash(0, 0, sent=False)
    log.read(0, RAW, 10_000)
    log.checkpoint(0)
    assert max(map(len, log.owners[0].table.data.values())) <= 256 * 1024
    log.crash(0, 0)
    log.finish(MINUTE + 5000)
    assert {g["metric_type"] for g in log.published if g["window"] == "15m"} == set(names)
    assert {g["count"] for g in log.published} == {1}


def test_a_minute_too_large_for_one_value_is_split_and_read_back() -> None:
    log = Log(1, WindowLimits(lateness_s=10.0))
    for n in range(60_000):
        item = {"metric_type": f"m{n % 8}", "value": 1.02 ** (n // 8 % 7000 - 3500)}
        log.append(0, MINUTE + 10, {"service_name": "shop", "timestamp": MINUTE, **item})
    log.read(0, RAW, 100_000)
    log.checkpoint(0)
    parts = [key for key in log.owners[0].table.data if b"\x00m" in key]
    assert len(parts) > 1
    log.crash(0, 0)
    log.finish(MINUTE + 5000)
    assert {g["count"] for g in log.published} == {7500}


def test_a_correction_is_given_out_before_its_minute_is_forgotten() -> None:
    log = fed(*at(MINUTE, MINUTE + 100))
    late = (metric(MINUTE + 5), MINUTE + 100)
    fed(late, *at(MINUTE + 9000), log=log)
    best = {got["window"]: got for got in log.published if got["start"].endswith("22:15:00Z")}
    assert (best["1m"]["count"], best["1m"]["revision"]) == (2, 1)
