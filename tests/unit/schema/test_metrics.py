"""One verdict on a metric: names, tags, times."""

from __future__ import annotations

from typing import Any

import pytest

from schema.metrics import MetricFault, read_metric

NOW_S = 1_800_000_000.0
GOOD: dict[str, Any] = {"service_name": "a", "metric_type": "m", "value": 1}
HISTOGRAM: dict[str, Any] = {
    "service_name": "a",
    "metric_type": "m",
    "kind": "histogram",
    "histogram": {"count": 4, "sum": 6.0, "bounds": [1.0, 2.0], "counts": [1, 2, 1]},
}


@pytest.mark.parametrize(
    "more",
    [
        {"service_name": "Az0._/-" + "x" * 121},
        {"metric_type": "Az0._:/-" + "x" * 120},
        {"value": -1.7e308},
        {"tags": {"t" * 256: "ü" * 256}},
        {"tags": {str(n): "" for n in range(16)}},
        {"timestamp": NOW_S + 600},
        {"timestamp": NOW_S - 3600},
        {"timestamp": "2027-01-15T08:00:00.5Z"},
        {"kind": "counter", "start": NOW_S - 5, "once": True},
        {"kind": "counter", "start": "2027-01-15T08:00:00Z", "timestamp": NOW_S},
        {"kind": "delta", "value": -2},
        {"kind": "gauge", "once": False, "start": None},
    ],
)
def test_what_is_within_the_limits_is_a_metric(more: dict[str, Any]) -> None:
    read = read_metric(GOOD | more, NOW_S, 3600)
    assert read.service_name == (GOOD | more)["service_name"]


@pytest.mark.parametrize(
    ("more", "loc", "reason"),
    [
        ({"service_name": ""}, ["service_name"], "invalid"),
        ({"service_name": "x" * 129}, ["service_name"], "invalid"),
        ({"service_name": "a:b"}, ["service_name"], "invalid"),
        ({"service_name": "a\n"}, ["service_name"], "invalid"),
        ({"service_name": "ä"}, ["service_name"], "invalid"),
        ({"metric_type": "a b"}, ["metric_type"], "invalid"),
        ({"metric_type": "x" * 129}, ["metric_type"], "invalid"),
        ({"value": float("nan")}, ["value"], "invalid"),
        ({"value": float("-inf")}, ["value"], "invalid"),
        ({"value": True}, ["value"], "invalid"),
        ({"value": "1"}, ["value"], "invalid"),
        ({"tags": {"": "x"}}, ["tags", ""], "invalid"),
        ({"tags": {"t": "x" * 257}}, ["tags", "t"], "invalid"),
        ({"tags": {"t": "\x00"}}, ["tags", "t"], "invalid"),
        ({"tags": {str(n): "" for n in range(17)}}, ["tags"], "invalid"),
        ({"tags": {"liveops_overflow": "no"}}, ["tags", "liveops_overflow"], "invalid"),
        ({"timestamp": "2027-01-15T08:00:00"}, ["timestamp"], "invalid"),
        ({"timestamp": float("nan")}, ["timestamp"], "invalid"),
        ({"timestamp": float("inf")}, ["timestamp"], "invalid"),
        ({"timestamp": NOW_S + 601}, ["timestamp"], "future"),
        ({"timestamp": NOW_S - 3601}, ["timestamp"], "too_old"),
        ({"more": 1}, ["more"], "invalid"),
        ({"kind": "summary"}, ["kind"], "invalid"),
        ({"kind": None}, ["kind"], "invalid"),
        ({"once": 1}, ["once"], "invalid"),
        ({"start": NOW_S - 5}, ["start"], "invalid"),
        ({"kind": "counter", "start": NOW_S + 1}, ["start"], "invalid"),
        ({"kind": "counter", "start": float("nan")}, ["start"], "invalid"),
        ({"kind": "counter", "start": "yesterday"}, ["start"], "invalid"),
        ({"kind": "histogram"}, ["histogram"], "invalid"),
        (
            {"histogram": {"count": 0, "sum": 0, "bounds": [], "counts": [0]}},
            ["histogram"],
            "invalid",
        ),
        ({"id": "8f14e45f-ceea-467f-a5d7-9c4f4a3c1b2a"}, ["id"], "invalid"),
    ],
)
def test_what_is_not_is_told_with_its_place(
    more: dict[str, Any], loc: list[str], reason: str
) -> None:
    with pytest.raises(MetricFault) as caught:
        read_metric(GOOD | more, NOW_S, 3600)
    assert (caught.value.loc, caught.value.reason) == (loc, reason)


def test_an_id_is_read_where_it_may_be_given() -> None:
    given = {"id": "8F14E45F-CEEA-467F-A5D7-9C4F4A3C1B2A"}
    read = read_metric(GOOD | given, NOW_S, 3600, with_id=True)
    assert read.id == given["id"].lower()
    with pytest.raises(MetricFault):
        read_metric(GOOD | {"id": "7"}, NOW_S, 3600, with_id=True)


def test_a_histogram_stands_in_the_place_of_the_value() -> None:
    read = read_metric(HISTOGRAM, NOW_S, 3600)
    assert read.value == 1.5
    assert read.measured() == {"kind": "histogram", "histogram": HISTOGRAM["histogram"]}
    assert (
        read_metric({"service_name": "a", "metric_type": "m", **read.measured()}, NOW_S, 3600)
        == read
    )


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"count": 5}, "count"),
        ({"counts": [1, 2, 1, 0]}, "counts"),
        ({"counts": [5, -1, 0]}, "count"),
        ({"bounds": [2.0, 1.0]}, "bounds"),
        ({"bounds": [1.0, float("inf")]}, "bounds"),
        ({"sum": float("nan")}, "sum"),
        ({"bounds": [float(n) for n in range(1000)], "counts": [4] + [0] * 1000}, "counts"),
    ],
)
def test_a_histogram_that_is_none_is_refused(more: dict[str, Any], where: str) -> None:
    plain = HISTOGRAM | {"histogram": HISTOGRAM["histogram"] | more}
    with pytest.raises(MetricFault) as caught:
        read_metric(plain, NOW_S, 3600)
    assert caught.value.loc == ["histogram", where]


def test_a_histogram_has_no_value_beside_it() -> None:
    with pytest.raises(MetricFault) as caught:
        read_metric(HISTOGRAM | {"value": 1}, NOW_S, 3600)
    assert caught.value.loc == ["value"]
