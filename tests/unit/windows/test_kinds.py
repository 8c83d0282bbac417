"""What windows make of counters, deltas, histograms and samples that count once."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from liveops.windows import samples as kept_samples
from liveops.windows.state import WindowLimits
from schema.topics import RAW, RAW_KEYED
from tests.windows_model import Log, right_partition

LIMITS = WindowLimits(lateness_s=10.0, allowed_lateness_s=300.0)
MINUTE = 1_700_000_100.0  # start of a quarter of an hour, UTC
HISTOGRAM = {"count": 100, "sum": 5050.0, "bounds": [10.0, 50.0, 90.0], "counts": [10, 40, 40, 10]}


def sample(at_s: float, value: float, kind: str = "counter", **more: Any) -> dict[str, Any]:
    plain = {"service_name": "shop", "metric_type": "reqs", "kind": kind, "timestamp": at_s}
    return plain | {"value": value} | more


def fed(*items: dict[str, Any], log: Log | None = None) -> Log:
    """A log with these read, each taken by the broker at its own time or the newest before."""
    log = log or Log(1, LIMITS)
    known = log.records[(RAW, 0)]
    newest_s = known[-1].timestamp / 1000 if known else 0.0
    for item in items:
        newest_s = max(newest_s, item["timestamp"])
        log.append(0, newest_s, item)
    log.read(0, RAW, 1000)
    log.owners[0].windows.settle()
    log.checkpoint(0)
    return log


def windows(log: Log, window: str = "1m") -> list[tuple[int, int, float | None]]:
    """(minute, revision, increase) as they were given out."""
    return [
        (int(minutes_of(got)), got["revision"], got["increase"])
        for got in log.published
        if got["window"] == window
    ]


def minutes_of(got: dict[str, Any]) -> float:
    hour, minute = got["start"][11:16].split(":")
    return (int(hour) * 60 + int(minute)) - (22 * 60 + 15)


def test_a_counter_grows_across_the_edge_of_a_minute_and_after_a_fall() -> None:
    log = fed(*(sample(MINUTE + at, v) for at, v in ((5, 100), (50, 130), (65, 150), (100, 20))))
    fed(sample(MINUTE + 200, 20), log=log)
    assert windows(log) == [(0, 0, 30.0), (1, 0, 40.0)]
    assert log.published[1]["rate_per_s"] == 40 / 60
    assert log.published[1]["kind"] == "counter"


def test_a_counter_with_a_start_counts_from_it() -> None:
    log = fed(sample(MINUTE + 5, 7, start=MINUTE - 20), sample(MINUTE + 90, 9))
    assert windows(log) == [(0, 0, 7.0)]
    log = fed(sample(MINUTE + 5, 7, start=MINUTE - 7200), sample(MINUTE + 90, 9))
    assert windows(log) == [(0, 0, 0.0)]  # so much did not happen in this minute


def test_a_late_sample_corrects_its_own_window_and_the_next() -> None:
    log = fed(*(sample(MINUTE + at, v) for at, v in ((5, 100), (70, 150), (130, 155), (200, 155))))
    assert windows(log) == [(0, 0, 0.0), (1, 0, 50.0), (2, 0, 5.0)]
    log.published.clear()
    fed(sample(MINUTE + 40, 120), log=log)
    assert windows(log) == [(0, 1, 20.0), (1, 1, 30.0)]


def test_a_late_sample_that_changes_nothing_after_it_corrects_only_its_own_window() -> None:
    log = fed(*(sample(MINUTE + at, v) for at, v in ((5, 100), (70, 150), (130, 155), (200, 155))))
    log.published.clear()
    fed(sample(MINUTE + 3, 90), log=log)
    assert windows(log) == [(0, 1, 10.0)]


def test_a_delta_is_its_sum_and_a_gauge_has_no_increase() -> None:
    items = [sample(MINUTE + at, 2.5, "delta") for at in (1, 2, 3)]
    cpu = sample(MINUTE + 4, 9, "gauge", metric_type="cpu")
    log = fed(*items, cpu, sample(MINUTE + 90, 1, "delta"))
    assert sorted(got["increase"] or 0 for got in log.published) == [0, 7.5]
    gauge = next(got for got in log.published if got["metric_type"] == "cpu")
    assert (gauge["increase"], gauge["rate_per_s"]) == (None, None)


def test_open_windows_say_what_was_counted_so_far() -> None:
    log = fed(sample(MINUTE, 10), sample(MINUTE + 20, 70), sample(MINUTE + 30, 70))
    last = log.open[-1]["windows"][0]
    assert (last["increase"], last["rate_per_s"]) == (60.0, 60 / 30)


def test_a_sample_of_another_kind_is_refused_and_says_why() -> None:
    log = fed(sample(MINUTE, 10))
    windows_of = log.owners[0].windows
    batch = {"service_name": "shop", "metrics": [
        {"metric_type": "reqs", "value": 1, "timestamp": MINUTE + 1},
        {"metric_type": "reqs", "value": 12, "kind": "counter", "timestamp": MINUTE + 2},
    ]}  # fmt: skip
    log.append(0, MINUTE + 5, value=orjson.dumps(batch))
    log.append(0, MINUTE + 5, sample(MINUTE + 3, 5, "delta"))
    found = windows_of.take(RAW, log.records[(RAW, 0)][1:])
    assert [(at, fault.reason, fault.index) for at, fault in found.faults] == [
        (0, "invalid", 0),
        (1, "invalid", None),
    ]
    assert found.faults[0][1].detail == "kind: the series is a counter, this is a gauge"
    log.owners[0].position[RAW] = 3
    log.finish(MINUTE + 2000)
    assert [got["count"] for got in log.published if got["window"] == "1m"] == [2]


def test_the_kind_is_decided_where_the_service_belongs() -> None:
    home = right_partition("shop", 2)
    log = Log(2, LIMITS)
    log.append(home, MINUTE, sample(MINUTE, 10))
    log.append(1 - home, MINUTE + 1, sample(MINUTE + 1, 11, "gauge"))
    log.read(home, RAW, 10)
    log.read(1 - home, RAW, 10)
    assert log.faults == []
    log.read(home, RAW_KEYED, 10)
    assert log.faults == ["invalid"]


def test_a_series_that_was_forgotten_may_come_back_as_another_kind() -> None:
    log = fed(sample(MINUTE, 10))
    fed(sample(MINUTE + 3800, 1, "gauge", metric_type="other"), log=log)
    fed(sample(MINUTE + 3801, 5, "delta"), log=log)
    assert log.faults == []
    fed(sample(MINUTE + 3802, 12), log=log)
    assert log.faults == ["invalid"]


def test_a_second_sample_of_the_same_time_does_not_count() -> None:
    first = [sample(MINUTE + at, at, "gauge", once=True) for at in (1, 2, 3)]
    log = fed(*first, *first[:2], sample(MINUTE + 1, 99, "gauge", once=True))
    fed(sample(MINUTE + 80, 0, "gauge", once=True), log=log)
    assert [(got["count"], got["max"]) for got in log.published] == [(3, 3.0)]
    log.published.clear()
    fed(*first, log=log)  # late and known
    assert log.published == []


def test_two_senders_of_a_counter_are_noticed() -> None:
    mixed = [sample(MINUTE + 5 * n, (1000 if n % 2 else 10) + n) for n in range(10)]
    with capture_logs() as told:
        log = fed(*mixed, sample(MINUTE + 90, 1100))
        fed(*(item | {"timestamp": item["timestamp"] + 120} for item in mixed), log=log)
        fed(sample(MINUTE + 300, 1100), log=log)
    assert [(line["service"], line["series"], line["falls"]) for line in told] == [
        ("shop", "reqs", 4)
    ]


def test_a_histogram_merges_with_the_width_of_its_buckets() -> None:
    item = sample(MINUTE + 1, 0, "histogram", histogram=HISTOGRAM)
    del item["value"]
    log = fed(item, item | {"timestamp": MINUTE + 2}, sample(MINUTE + 80, 1, metric_type="cpu"))
    (got,) = log.published
    assert (got["count"], got["sum"], got["mean"]) == (200, 10_100.0, 50.5)
    assert (got["min"], got["max"]) == (0.0, 90.0)
    assert 10 <= got["p50"] <= 50
    assert 50 <= got["p95"] <= 91
    assert got["increase"] is None


def test_a_sample_too_late_for_the_stream_corrects_what_looks_back_to_it() -> None:
    log = fed(sample(MINUTE + 5, 100), sample(MINUTE + 2000, 150), sample(MINUTE + 2400, 150))
    assert windows(log)[1] == (33, 0, 50.0)
    log.published.clear()
    fed(sample(MINUTE + 600, 130), log=log)
    assert windows(log) == [(33, 1, 20.0)]
    (dirty,) = log.dirty
    assert dirty["horizon"] == MINUTE + 1800
    assert list(dirty["minutes"]) == [str(int(MINUTE + 600))]


def test_samples_beyond_the_most_are_one_step_unless_a_late_one_lands_among_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kept_samples, "MAX_SAMPLES", 6)
    monkeypatch.setattr(kept_samples, "_NEWEST", 3)
    log = fed(*(sample(MINUTE + 2 * n, 10 * n) for n in range(12)))
    fed(*(sample(MINUTE + 30 + n, 200 + n) for n in range(5)), log=log)
    fed(sample(MINUTE + 3, 11), log=log)
    fed(sample(MINUTE + 100, 204), log=log)
    assert windows(log) == [(0, 0, 204.0)]
    assert log.dirty == []
    fed(sample(MINUTE + 2000, 204), log=log)
    assert [list(dirty["minutes"]) for dirty in log.dirty] == [[str(int(MINUTE))]]


def test_an_overflow_series_counts_all_of_its_many() -> None:
    log = Log(1, WindowLimits(max_series=1))
    items = [sample(MINUTE + 1, n, "gauge", once=True, tags={"n": str(n)}) for n in range(4)]
    fed(*items, sample(MINUTE + 90, 0, "gauge", tags={"n": "0"}), log=log)
    counts = {str(got["tags"]): got["count"] for got in log.published}
    assert counts == {"{'n': '0'}": 1, "{'liveops_overflow': 'true'}": 3}
