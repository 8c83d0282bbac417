"""Histograms of other programs, and bodies made to be large: what they become."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from liveops.intake import remote_write
from liveops.intake.histograms import Buckets, Exponential
from tests.property.test_foreign_ways import AT_MS, counts, read_1, read_2, taken
from tests.remote_write import native, refer, request_1, request_2
from tests.wire.prometheus_pb2 import Request


@given(counts, counts, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
def test_a_difference_is_what_was_added(
    before: Buckets, added: Buckets, scale: int, finer: int, zero: int
) -> None:
    both = {at: before.get(at, 0) + added.get(at, 0) for at in {*before, *added}}
    first = Exponential(sum(before.values()), 1.0, scale + finer, 0, 0.0, before, before)
    first = Exponential(2 * first.count, 1.0, scale + finer, 0, 0.0, before, before)
    second = Exponential(
        2 * sum(both.values()) + zero, 3.0, scale + finer, zero, 0.0, both, both
    ).coarser(scale)
    found = second.since(first)
    assert found is not None
    expected = Exponential(0, 2.0, scale + finer, zero, 0.0, added, added).coarser(scale)
    assert (found.positive, found.negative, found.zero_count, found.sum) == (
        expected.positive, expected.negative, zero, 2.0
    )  # fmt: skip
    explicit = found.explicit()
    assert sum(explicit.counts) == found.count == 2 * sum(added.values()) + zero
    assert all(low < high for low, high in zip(explicit.bounds, explicit.bounds[1:], strict=False))
    if added:
        assert first.since(second) is None


def test_ten_thousands_of_labels_and_symbols_are_one_fault() -> None:
    body = request_1(({f"l{number}": "x" for number in range(70_000)}, [(1.0, AT_MS)]))
    good = request_1(({"__name__": "m", "job": "j"}, [(1.0, AT_MS)]))
    both = body.SerializeToString() + good.SerializeToString()
    assert len(taken(read_1, both, remote_write.TICKS)) == 1


def test_one_symbol_named_a_thousand_times_takes_no_memory() -> None:
    body = Request(symbols=["", "x" * 500_000, "__name__", "m"])
    body.timeseries.add(labels_refs=[2, 3] + [1, 1] * 900).samples.add(value=1, timestamp=AT_MS)
    assert taken(read_2, body.SerializeToString(), remote_write.TICKS) == []


def test_a_histogram_of_another_format_is_a_fault() -> None:
    request = request_2()
    named = {"__name__": "h", "job": "j"}
    for changes in (
        {"schema": 9},
        {"reset_hint": 3},
        {"count_float": 1.5},
        {"positive_deltas": [1, -2, 1, 1]},
        {"positive_deltas": [1]},
        {"zero_threshold": math.nan},
        {"schema": -53, "custom_values": [2.0, 1.0, 3.0, 4.0]},
    ):
        found = native(AT_MS, [1, 1, 1, 1], 4.0)
        for name, value in changes.items():
            if isinstance(value, list):
                del getattr(found, name)[:]
                getattr(found, name).extend(value)
            else:
                setattr(found, name, value)
        refer(request, named).histograms.append(found)
    assert taken(read_2, request.SerializeToString(), remote_write.TICKS) == []


def test_a_histogram_with_bounds_of_its_own_is_counters() -> None:
    request = request_2()
    found = native(AT_MS, [1, 2, 3], 9.0, schema=-53)
    found.custom_values.extend([0.5, 1.0])
    refer(request, {"__name__": "h", "job": "j"}).histograms.append(found)
    items = taken(read_2, request.SerializeToString(), remote_write.TICKS)
    assert [(item["metric_type"], item["value"], item.get("tags")) for item in items] == [
        ("h_bucket", 1, {"le": "0.5"}),
        ("h_bucket", 3, {"le": "1"}),
        ("h_bucket", 6, {"le": "+Inf"}),
        ("h_count", 6, None),
        ("h_sum", 9.0, None),
    ]
