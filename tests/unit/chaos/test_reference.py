"""The independent reference: what counts, and the figures of a window."""

from __future__ import annotations

import json
import math
import statistics
from typing import Any

import pytest

from tests.chaos.reference import Raw, Reference, expected, histogram, read_log

NOW_S = 1_800_000_000
ID = "5f0c3b0e-7a55-4e0b-9a59-3c1d0f3b7a11"


def metric(**more: Any) -> dict[str, Any]:
    return {"service_name": "s", "metric_type": "m", "value": 1, "timestamp": NOW_S} | more


def read(*values: object) -> Reference:
    encoded = [v if isinstance(v, bytes) or v is None else json.dumps(v).encode() for v in values]
    return read_log(Raw(0, n, NOW_S * 1000, value) for n, value in enumerate(encoded))


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"{\n1",
        b'{"service_name":"s","metric_type":"m","value":NaN}',
        metric(value=True),
        metric(value="1"),
        metric(extra=1),
        metric(service_name="a b"),
        metric(tags={"a": 1}),
        metric(tags={"liveops_overflow": "true"}),
        metric(service_name="liveops_overflow/0"),
        metric(timestamp=NOW_S + 601),
        metric(timestamp=NOW_S - 8 * 86_400),
        metric(timestamp="2027-01-15T08:00:00"),
        {"service_name": "s", "metrics": []},
        {"service_name": "s", "metrics": [metric()], "more": 1},
    ],
)
def test_bad_input_is_one_fault(value: object) -> None:
    reference = read(value)
    assert reference.faults == {(0, 0, None, 0)}
    assert not reference.metrics


def test_items_of_a_list_and_of_lines_are_of_any_service() -> None:
    other = metric(service_name="other")
    lines = b"\n".join([json.dumps(metric()).encode(), b"{}", json.dumps(other).encode()])
    reference = read([metric(), 1, other], lines)
    assert [m.service for m in reference.metrics] == ["s", "other"] * 2
    assert reference.faults == {(0, 0, 1, 0), (0, 1, 1, 0)}


def test_good_items_of_a_batch_count_beside_bad_ones() -> None:
    batch = {"service_name": "s", "metrics": [metric(), metric(service_name="other"), 5, metric()]}
    reference = read(None, batch)
    assert (len(reference.metrics), reference.tombstones) == (2, 1)
    assert reference.faults == {(0, 1, 1, 0), (0, 1, 2, 0)}


def test_of_many_bad_items_twenty_are_told_and_the_rest_counted() -> None:
    batch = {"service_name": "s", "metrics": [metric(), *[{"metric_type": "m"}] * 30, metric()]}
    reference = read(batch)
    assert len(reference.metrics) == 2
    told = {(0, 0, index, 0) for index in range(1, 21)}
    assert reference.faults == told | {(0, 0, 21, 10)}


def test_a_given_id_counts_once_and_a_missing_time_is_the_brokers() -> None:
    reference = read(metric(id=ID), metric(id=ID), {k: metric()[k] for k in list(metric())[:3]})
    assert (len(reference.metrics), reference.repeated) == (2, 1)
    assert {m.time_us for m in reference.metrics} == {NOW_S * 10**6}


def test_times_as_text_and_number_are_the_same() -> None:
    first, second = read(
        metric(timestamp=NOW_S + 0.25), metric(timestamp="2027-01-15T08:00:00.25Z")
    ).metrics
    assert first == second


def test_only_windows_that_have_closed_are_expected() -> None:
    reference = read(metric(), metric(timestamp=NOW_S + 59.999), metric(timestamp=NOW_S + 70))
    assert {key[2:]: got.count for key, got in reference.windows().items()} == {("1m", NOW_S): 2}
    assert reference.final_until_s() == {"s": NOW_S + 60}


def test_the_figures_are_those_of_the_values() -> None:
    values = [0.25, 1.0, 999_999.75, 0.0, 17.5, 17.5]
    got = expected(values, 60)
    assert (got.count, got.sum, got.min, got.max) == (6, sum(values), 0.0, 999_999.75)
    assert got.mean == pytest.approx(statistics.mean(values), rel=1e-12)
    assert got.stddev == pytest.approx(statistics.pstdev(values), rel=1e-12)
    assert got.quantiles == {"p50": 1.0, "p95": 999_999.75, "p99": 999_999.75}
    assert expected([3.25], 60).stddev == 0


def test_buckets_hold_their_values_within_one_percent() -> None:
    got = histogram([1.0, 100.0, 100.0, -0.25, 0.0])
    assert (got["z"], got["p"][:2], got["n"][1]) == (1, [0, 1], 1)
    gamma, index = 1.01 / 0.99, got["p"][2]
    assert gamma ** (index - 1) < 100.0 <= gamma**index
    assert got["p"][3] == 2
    assert got["n"][0] == math.ceil(math.log(0.25) / math.log(gamma))
