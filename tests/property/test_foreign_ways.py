"""Remote write and OTLP: whatever the bytes, nothing but good items and counted faults."""

from __future__ import annotations

import json
from typing import Any

from google.protobuf.empty_pb2 import Empty
from google.protobuf.unknown_fields import UnknownFieldSet
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from liveops.intake import otlp, otlp_json, remote_write
from liveops.intake.cumulative_histograms import Differences, LastHistograms
from liveops.intake.foreign_items import ForeignItems
from liveops.intake.foreign_series import Naming
from liveops.intake.otlp_names import OtlpNames
from liveops.intake.otlp_points import PointTaker
from liveops.intake.protobuf_fields import Malformed, fields
from liveops.intake.remote_write_names import SeriesNames
from schema.metrics import read_metric
from tests.remote_write import request_1, request_2

NOW_S = 1_700_000_000.0
DAY_S = 86_400.0
AT_MS, AT_NS = int(NOW_S) * 1000, int(NOW_S) * 10**9
MB = 1024 * 1024


def taken(read: Any, body: Any, ticks: float) -> list[dict[str, Any]]:
    """The items of a body; each must be a metric by the one verdict that there is."""
    items = ForeignItems(lambda service: True, NOW_S, DAY_S, ticks)
    for _ in read(body, items):
        pass
    # A fault that is raised itself would keep every place where that was.
    assert items.first_fault is None or items.first_fault.__traceback__ is None
    found = []
    for service, value in [*items.full(), *items.rest()]:
        record = json.loads(value)
        assert record["service_name"] == service
        for item in record["metrics"]:
            read_metric({"service_name": service, **item}, NOW_S, DAY_S)
            found.append({"service_name": service, **item})
    return found


def read_1(body: bytes, items: ForeignItems) -> Any:
    reader = remote_write.RemoteWrite(
        SeriesNames(Naming(), MB), items, Differences(LastHistograms(MB))
    )
    return reader.read_1(body)


def read_2(body: bytes, items: ForeignItems) -> Any:
    reader = remote_write.RemoteWrite(
        SeriesNames(Naming(), MB), items, Differences(LastHistograms(MB))
    )
    return reader.read_2(body)


def taker(items: ForeignItems) -> PointTaker:
    return PointTaker(OtlpNames(Naming(), MB), items, Differences(LastHistograms(MB)))


def read_otlp(body: bytes, items: ForeignItems) -> Any:
    return otlp.read(body, taker(items))


def read_otlp_json(body: Any, items: ForeignItems) -> Any:
    return otlp_json.read_json(body, taker(items))


labels = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=20)
samples = st.lists(st.tuples(st.floats(), st.integers(-(2**63), 2**63 - 1)), max_size=3)
near = st.lists(
    st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.just(AT_MS)), max_size=3
)


def _writes() -> st.SearchStrategy[bytes]:
    series = st.lists(
        st.tuples(labels | labels.map(lambda found: found | {"__name__": "m", "job": "j"}),
                  samples | near),
        max_size=4,
    )  # fmt: skip
    return series.map(lambda found: request_1(*found).SerializeToString())


def _garbled(bodies: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """With some of the bytes changed, cut or doubled."""

    def garble(drawn: tuple[bytes, list[tuple[int, int]], int]) -> bytes:
        body, changes, cut = drawn
        text = bytearray(body)
        for place, byte in changes:
            if text:
                text[place % len(text)] = byte
        return bytes(text[: len(text) - cut % (len(text) + 1)] if cut % 3 == 0 else text)

    change = st.tuples(st.integers(0, 10_000), st.integers(0, 255))
    return st.tuples(bodies, st.lists(change, max_size=4), st.integers(0, 1000)).map(garble)


@settings(max_examples=300)
@given(st.binary(max_size=200) | _garbled(_writes()))
def test_remote_write_reads_or_refuses_anything(body: bytes) -> None:
    try:
        for _ in remote_write.check(body):
            pass
    except Malformed:
        return
    taken(read_1, body, remote_write.TICKS)
    taken(read_2, body, remote_write.TICKS)


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.text(min_size=1, max_size=8),
                       max_size=20), near)  # fmt: skip
def test_a_good_series_is_taken_whole_by_1_and_2(
    given_labels: dict[str, str], given_samples: list[tuple[float, int]]
) -> None:
    series = (given_labels | {"__name__": "m", "job": "j"}, given_samples)
    by_1 = taken(read_1, request_1(series).SerializeToString(), remote_write.TICKS)
    by_2 = taken(read_2, request_2(series).SerializeToString(), remote_write.TICKS)
    assert by_1 == by_2
    assert [item["value"] for item in by_1] == [value for value, _ in given_samples]


few_labels = st.dictionaries(
    st.sampled_from([f"l{n}" for n in range(30)]), st.text("ab~\x00 ", min_size=1, max_size=3)
)


@given(st.lists(few_labels, unique_by=lambda one: tuple(sorted(one.items()))))
def test_two_series_never_become_one(found: list[dict[str, str]]) -> None:
    series = [(one | {"__name__": "m", "job": "j"}, [(1.0, AT_MS)]) for one in found]
    items = taken(read_1, request_1(*series).SerializeToString(), remote_write.TICKS)
    assert len({json.dumps(item.get("tags")) for item in items}) == len(found)


@st.composite
def _exports(draw: st.DrawFn) -> bytes:
    request = ExportMetricsServiceRequest()
    for _ in range(draw(st.integers(0, 2))):
        resource = request.resource_metrics.add()
        resource.resource.attributes.add(key="service.name").value.string_value = draw(
            st.text(max_size=5)
        )
        scope = resource.scope_metrics.add()
        for _ in range(draw(st.integers(0, 3))):
            metric = scope.metrics.add(name=draw(st.text(max_size=5)))
            point: Any = draw(st.sampled_from(_POINTS))(metric, draw)
            point.time_unix_nano = draw(st.sampled_from([AT_NS, 0, 2**64 - 1]))
            for name in draw(st.lists(st.text(max_size=3), max_size=3)):
                point.attributes.add(key=name).value.int_value = 1
    return request.SerializeToString()


def _number(metric: Any, draw: st.DrawFn) -> Any:
    return metric.gauge.data_points.add(as_double=draw(st.floats()))


def _histogram(metric: Any, draw: st.DrawFn) -> Any:
    metric.histogram.aggregation_temporality = draw(st.integers(0, 3))
    return metric.histogram.data_points.add(
        count=draw(st.integers(0, 9)),
        sum=draw(st.floats()),
        bucket_counts=draw(st.lists(st.integers(0, 5), max_size=4)),
        explicit_bounds=draw(st.lists(st.floats(), max_size=4)),
    )


def _exponential(metric: Any, draw: st.DrawFn) -> Any:
    found = metric.exponential_histogram
    found.aggregation_temporality = draw(st.integers(0, 2))
    counts = draw(st.lists(st.integers(0, 5), max_size=8))
    point = found.data_points.add(count=sum(counts), scale=draw(st.integers(-12, 22)))
    point.positive.offset = draw(st.integers(-(2**31), 2**31 - 1) | st.integers(-20, 20))
    point.positive.bucket_counts.extend(counts)
    point.zero_threshold = draw(st.floats())
    return point


def _summary(metric: Any, draw: st.DrawFn) -> Any:
    point = metric.summary.data_points.add(sum=draw(st.floats()))
    point.quantile_values.add(quantile=draw(st.floats()), value=draw(st.floats()))
    return point


_POINTS = [_number, _histogram, _exponential, _summary]


@settings(max_examples=300)
@given(st.binary(max_size=200) | _exports() | _garbled(_exports()))
def test_otlp_reads_or_refuses_anything(body: bytes) -> None:
    try:
        for _ in otlp.check(body):
            pass
    except Malformed:
        return
    taken(read_otlp, body, 1e9)


_json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=4) | st.integers(),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["resourceMetrics", "resource", "scopeMetrics", "metrics", "name", "gauge", "sum",
             "dataPoints", "attributes", "key", "value", "stringValue", "asDouble", "timeUnixNano",
             "histogram", "bucketCounts", "exemplars", "flags", "aggregationTemporality"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


def _nested(point: Any) -> Any:
    """In the place of a point, so that it is looked at."""
    metric = {"name": "m", "gauge": {"dataPoints": [point]}}
    return {"resourceMetrics": [{"resource": point, "scopeMetrics": [{"metrics": [metric]}]}]}


@settings(max_examples=300)
@given(_json | _json.map(_nested))
def test_otlp_json_reads_or_refuses_anything(body: Any) -> None:
    try:
        request = otlp_json.decode(json.dumps(body).encode())
    except otlp_json.NotOtlp:
        return
    taken(read_otlp_json, request, 1e9)


_small = st.lists(st.sampled_from([0, 1, 2, 7, 8, 10, 13, 15, 18, 127, 128, 255]), max_size=14)


@settings(max_examples=500)
@given(st.binary(max_size=60) | _small.map(bytes))
def test_what_the_walk_takes_protobuf_takes_too(body: bytes) -> None:
    try:
        found = list(fields(body))
    except Malformed:
        return
    message = Empty.FromString(body)
    assert len(found) == len(UnknownFieldSet(message))


counts = st.dictionaries(st.integers(-30, 30), st.integers(1, 9), max_size=8)
