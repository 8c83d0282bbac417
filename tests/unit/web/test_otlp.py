"""`POST /v1/metrics` without servers: what each kind of metric becomes, and what a body may be."""

from __future__ import annotations

import json
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ScopeMetrics

from tests.unit.web.doubles import Client, Sends, admission, bearer, deps_without_stores, edge
from web import otlp

PROTOBUF, JSON = "application/x-protobuf", "application/json"
DELTA, CUMULATIVE = 1, 2
NO_VALUE = 1


@asynccontextmanager
async def receiver() -> AsyncIterator[tuple[Client, Sends]]:
    """The route and what it sends."""
    deps, broker = deps_without_stores(), Sends()
    async with edge(*otlp.routes(deps, admission(broker)), deps=deps) as client:
        yield client, broker


async def post(client: Client, body: bytes, kind: str = PROTOBUF, **headers: str) -> Any:
    """Status and what was answered."""
    sent = bearer() | {"Content-Type": kind} | headers
    async with client.post("/v1/metrics", data=body, headers=sent) as response:
        answer = await response.read()
        if response.status != 200:
            return response.status, json.loads(answer)
        assert response.content_type == kind
        if kind == JSON:
            return response.status, json_format.Parse(answer, ExportMetricsServiceResponse())
        return response.status, ExportMetricsServiceResponse.FromString(answer)


def scope_of(
    request: ExportMetricsServiceRequest, service: str = "shop", **attributes: Any
) -> ScopeMetrics:
    """A scope of a resource."""
    found = request.resource_metrics.add()
    named = {"service.name": service} if service else {}
    for name, value in (named | attributes).items():
        put(found.resource.attributes, name, value)
    return found.scope_metrics.add()


def put(attributes: Any, name: str, value: Any) -> None:
    """One more attribute."""
    one = attributes.add(key=name)
    if isinstance(value, bool):
        one.value.bool_value = value
    elif isinstance(value, str):
        one.value.string_value = value
    elif isinstance(value, int):
        one.value.int_value = value
    elif isinstance(value, float):
        one.value.double_value = value
    elif isinstance(value, bytes):
        one.value.bytes_value = value
    else:
        for part in value:
            one.value.array_value.values.add(string_value=part)


def now_ns() -> int:
    return int(time.time()) * 10**9


def one_metric(metric: Metric, service: str = "shop") -> bytes:
    request = ExportMetricsServiceRequest()
    scope_of(request, service).metrics.append(metric)
    return request.SerializeToString()


async def items_of(metric: Metric) -> list[dict[str, Any]]:
    """What a metric becomes; nothing of it is bad."""
    async with receiver() as (client, broker):
        status, answer = await post(client, one_metric(metric))
        assert (status, answer) == (200, ExportMetricsServiceResponse())
    return [
        {name: value for name, value in item.items() if name not in ("timestamp", "once")}
        for item in broker.items
    ]


def item(name: str, value: float, kind: str = "gauge", **tags: str) -> dict[str, Any]:
    found: dict[str, Any] = {"service_name": "shop", "metric_type": name, "value": value}
    if kind != "gauge":
        found["kind"] = kind
    return found | ({"tags": tags} if tags else {})


@pytest.mark.parametrize(
    ("temporality", "monotonic", "kind"),
    [(DELTA, True, "delta"), (DELTA, False, "delta"), (CUMULATIVE, True, "counter"),
     (CUMULATIVE, False, "gauge")],
)  # fmt: skip
async def test_a_sum_has_the_kind_of_its_temporality(
    temporality: int, monotonic: bool, kind: str
) -> None:
    metric = Metric(name="orders")
    metric.sum.aggregation_temporality = temporality  # type: ignore[assignment] # an enum
    metric.sum.is_monotonic = monotonic
    metric.sum.data_points.add(as_int=5, time_unix_nano=now_ns())
    assert await items_of(metric) == [item("orders", 5.0, kind)]


async def test_a_gauge_is_a_gauge_and_no_recorded_value_none() -> None:
    metric = Metric(name="temperature")
    metric.gauge.data_points.add(as_double=21.5, time_unix_nano=now_ns())
    metric.gauge.data_points.add(time_unix_nano=now_ns(), flags=NO_VALUE)
    assert await items_of(metric) == [item("temperature", 21.5)]


async def test_times_are_kept_and_values_count_once() -> None:
    metric = Metric(name="orders")
    metric.sum.aggregation_temporality = CUMULATIVE  # type: ignore[assignment] # an enum
    metric.sum.is_monotonic = True
    at = now_ns()
    for start in (at - 30 * 10**9, at - 10**13, 0):
        metric.sum.data_points.add(
            as_int=1, time_unix_nano=at + 250_000_000, start_time_unix_nano=start
        )
    async with receiver() as (client, broker):
        await post(client, one_metric(metric))
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at // 10**9)) + ".250000Z"
    assert {(one["timestamp"], one["once"]) for one in broker.items} == {(stamp, True)}
    starts = [one.get("start") for one in broker.items]
    assert starts[0] == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at // 10**9 - 30))
    assert starts[1:] == [None, None]


async def test_a_cumulative_histogram_is_counters_as_in_prometheus() -> None:
    metric = Metric(name="latency")
    metric.histogram.aggregation_temporality = CUMULATIVE  # type: ignore[assignment] # an enum
    metric.histogram.data_points.add(
        count=6, sum=9.5, bucket_counts=[1, 2, 3], explicit_bounds=[0.5, 5], time_unix_nano=now_ns()
    )
    assert await items_of(metric) == [
        item("latency_bucket", 1, "counter", le="0.5"),
        item("latency_bucket", 3, "counter", le="5"),
        item("latency_bucket", 6, "counter", le="+Inf"),
        item("latency_count", 6, "counter"),
        item("latency_sum", 9.5, "counter"),
    ]


async def test_a_delta_histogram_is_a_histogram() -> None:
    metric = Metric(name="latency")
    metric.histogram.aggregation_temporality = DELTA  # type: ignore[assignment] # an enum
    point = {"time_unix_nano": now_ns(), "count": 6}
    buckets = {"bucket_counts": [1, 2, 3], "explicit_bounds": [0.5, 5.0]}
    metric.histogram.data_points.add(sum=9.5, **point, **buckets)
    metric.histogram.data_points.add(**point, **buckets)
    metric.histogram.data_points.add(sum=9.5, **point)
    found = [one["histogram"] for one in await items_of(metric)]
    whole = {"count": 6, "bounds": [0.5, 5.0], "counts": [1, 2, 3]}
    assert found == [
        whole | {"sum": 9.5},
        whole | {"sum": 0.5 + 2 * 2.75 + 3 * 5.0},
        {"count": 6, "sum": 9.5, "bounds": [], "counts": [6]},
    ]


def exponential(temporality: int, counts: list[int], total: float, at: int) -> Metric:
    metric = Metric(name="latency")
    found = metric.exponential_histogram
    found.aggregation_temporality = temporality  # type: ignore[assignment] # an enum
    point = found.data_points.add(
        count=sum(counts) + 3, sum=total, scale=0, zero_count=2, time_unix_nano=at
    )
    point.positive.offset = 1
    point.positive.bucket_counts.extend(counts)
    point.negative.bucket_counts.append(1)
    return metric


async def test_an_exponential_histogram_has_the_bounds_of_its_scale() -> None:
    [found] = await items_of(exponential(DELTA, [4, 0, 5], 60.0, now_ns()))
    assert found["histogram"] == {
        "count": 12, "sum": 60.0,
        "bounds": [-2.0, -1.0, -5e-324, 0.0, 2.0, 4.0, 8.0, 16.0],
        "counts": [0, 1, 0, 2, 0, 4, 0, 5, 0],
    }  # fmt: skip


async def test_a_cumulative_exponential_histogram_tells_what_was_added() -> None:
    at = now_ns()
    async with receiver() as (client, broker):
        for metric in (
            exponential(CUMULATIVE, [4, 0, 5], 60.0, at),
            exponential(CUMULATIVE, [4, 1, 7], 90.0, at + 10**9),
        ):
            assert (await post(client, one_metric(metric)))[0] == 200
    added = [one["histogram"] for one in broker.items if "histogram" in one]
    assert added == [{"count": 3, "sum": 30.0, "bounds": [4.0, 8.0, 16.0], "counts": [0, 1, 2, 0]}]
    totals = [(one["metric_type"], one["value"]) for one in broker.items if "value" in one]
    assert totals == [("latency_count", 12), ("latency_sum", 60), ("latency_count", 15),
                      ("latency_sum", 90)]  # fmt: skip


async def test_a_summary_is_quantiles_and_counters() -> None:
    metric = Metric(name="latency")
    point = metric.summary.data_points.add(count=9, sum=4.5, time_unix_nano=now_ns())
    point.quantile_values.add(quantile=0.5, value=0.4)
    point.quantile_values.add(quantile=1, value=math.nan)
    assert await items_of(metric) == [
        item("latency", 0.4, quantile="0.5"),
        item("latency_count", 9, "counter"),
        item("latency_sum", 4.5, "counter"),
    ]


async def test_attributes_of_point_scope_and_resource_are_tags() -> None:
    request = ExportMetricsServiceRequest()
    scope = scope_of(request, **{"host.name": "web-1", "route": "outer"})
    scope.scope.name, scope.scope.version = "lib", "1.2"
    metric = scope.metrics.add(name="m")
    point = metric.gauge.data_points.add(as_double=1, time_unix_nano=now_ns())
    for name, value in {"route": "/a", "retry": True, "n": 7, "x": 0.5, "b": b"\x00",
                        "list": ["p", "q"], "": ""}.items():  # fmt: skip
        if name:
            put(point.attributes, name, value)
    async with receiver() as (client, broker):
        assert (await post(client, request.SerializeToString()))[0] == 200
    assert broker.items[0]["tags"] == {
        "route": "/a", "resource.route": "outer", "host.name": "web-1", "retry": "true", "n": "7",
        "x": "0.5", "b": "AA==", "list": '["p", "q"]', "otel.scope.name": "lib",
        "otel.scope.version": "1.2",
    }  # fmt: skip


async def test_two_texts_that_are_not_legal_stay_two() -> None:
    request = ExportMetricsServiceRequest()
    for service in ("my shop", "my_shop", "my\u00a0shop"):
        for name in ("a b", "a\tb"):
            metric = scope_of(request, service).metrics.add(name=name)
            for text in ("x" * 300, "x" * 301):
                point = metric.gauge.data_points.add(as_double=1, time_unix_nano=now_ns())
                put(point.attributes, "t", text)
    async with receiver() as (client, broker):
        assert (await post(client, request.SerializeToString()))[0] == 200
    found = {(i["service_name"], i["metric_type"], i["tags"]["t"]) for i in broker.items}
    assert len(found) == len(broker.items) == 12


async def test_attributes_of_the_point_stay_when_there_are_too_many() -> None:
    request = ExportMetricsServiceRequest()
    scope = scope_of(request, **{f"a{number:02}": "r" for number in range(20)})
    point = scope.metrics.add(name="m").gauge.data_points.add(as_int=1, time_unix_nano=now_ns())
    put(point.attributes, "zone_of_point", "z")
    async with receiver() as (client, broker):
        assert (await post(client, request.SerializeToString()))[0] == 200
    tags = broker.items[0]["tags"]
    assert len(tags) == 16
    assert {"zone_of_point", "liveops_rest"} <= tags.keys()
