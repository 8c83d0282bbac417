"""The real OpenTelemetry SDK, and a body of JSON, through the whole product."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any
from uuid import uuid4

import pytest
import yaml
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExportResult,
    MetricReader,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation
from opentelemetry.sdk.resources import Resource

from tests.client import Client, eventually
from tests.integration.test_producers_page import assert_counted, run, snippet
from tests.snippets import snippets
from tests.stack import TestStack

pytestmark = pytest.mark.integration


@pytest.fixture
def service() -> str:
    return f"otel-{uuid4().hex[:8]}"


def exporter(stack: TestStack, engineer: Client, **options: Any) -> OTLPMetricExporter:
    return OTLPMetricExporter(
        endpoint=stack.url("metrics") + "/v1/metrics",
        headers={"Authorization": f"Bearer {engineer.token}"},
        **options,
    )


def provider(service: str, reader: MetricReader) -> MeterProvider:
    resource = Resource.create({"service.name": service, "host.name": "h 1"})
    return MeterProvider(resource=resource, metric_readers=[reader])


async def series(client: Client, service: str, metric: str) -> list[dict[str, Any]]:
    """The last point of each series of a metric, with its tags."""
    path = f"/api/metrics/aggregated?service={service}&metric={metric}&window=1m"
    found = (await client.get(path))["series"]
    return [{"tags": one["tags"]} | one["points"][-1] for one in found if one["points"]]


async def test_the_sdk_sends_counters_gauges_and_histograms(
    stack: TestStack, engineer: Client, service: str
) -> None:
    reader = PeriodicExportingMetricReader(
        exporter(stack, engineer, compression=Compression.Gzip), export_interval_millis=3_600_000
    )
    sdk = provider(service, reader)
    meter = sdk.get_meter("shop", "1.0")
    orders = meter.create_counter("orders", unit="1")
    stock = meter.create_up_down_counter("stock")
    latency = meter.create_histogram("latency")
    try:
        for step in range(3):
            orders.add(5, {"region": "eu"})
            stock.add(-step)
            latency.record(7.0 * step)
            assert await asyncio.to_thread(sdk.force_flush)
    finally:
        await asyncio.to_thread(sdk.shutdown)

    async def counted() -> dict[str, Any] | None:
        found = await series(engineer, service, "orders")
        return found[0] if found and found[0]["max"] == 15 else None

    point = await eventually(counted, "the orders")
    # It began at its start, which was just now, and its last export repeats a value.
    assert point["increase"] == 15
    tags = point["tags"]
    assert tags["region"] == "eu"
    assert tags["host.name"] == "h 1"
    assert (tags["otel.scope.name"], tags["otel.scope.version"]) == ("shop", "1.0")
    assert (await series(engineer, service, "stock"))[0]["min"] == -3
    buckets = await series(engineer, service, "latency_bucket")
    assert {"5", "10", "+Inf"} <= {one["tags"]["le"] for one in buckets}
    assert (await series(engineer, service, "latency_count"))[0]["increase"] == 3
    assert (await series(engineer, service, "latency_sum"))[0]["increase"] == 21


@pytest.mark.parametrize(
    "temporality", [AggregationTemporality.DELTA, AggregationTemporality.CUMULATIVE]
)
async def test_exponential_histograms_of_the_sdk_give_quantiles(
    stack: TestStack, engineer: Client, service: str, temporality: AggregationTemporality
) -> None:
    sending = exporter(
        stack,
        engineer,
        preferred_temporality={Histogram: temporality},
        preferred_aggregation={Histogram: ExponentialBucketHistogramAggregation()},
    )
    reader = PeriodicExportingMetricReader(sending, export_interval_millis=3_600_000)
    sdk = provider(service, reader)
    latency = sdk.get_meter("shop").create_histogram("latency")
    try:
        for first in (0, 50):
            for value in range(first + 1, first + 51):
                latency.record(float(value))
            assert await asyncio.to_thread(sdk.force_flush)
    finally:
        await asyncio.to_thread(sdk.shutdown)

    async def whole() -> dict[str, Any] | None:
        path = f"/api/metrics/aggregated?service={service}&metric=latency&window=5m"
        found = (await engineer.get(path))["series"]
        points = [point for one in found for point in one["points"]]
        return points[0] if sum(point["count"] for point in points) == 100 else None

    point = await eventually(whole, "100 values")
    assert point["p50"] == pytest.approx(50, rel=0.1)
    assert point["p99"] == pytest.approx(99, rel=0.1)
    assert point["sum"] == pytest.approx(5050)


async def test_an_exporter_is_told_what_is_refused(stack: TestStack, service: str) -> None:
    sending = OTLPMetricExporter(
        endpoint=stack.url("metrics") + "/v1/metrics", headers={"Authorization": "Bearer wrong"}
    )
    results = []
    sent = sending.export

    def noted(*args: Any, **options: Any) -> MetricExportResult:
        results.append(sent(*args, **options))
        return results[-1]

    sending.export = noted  # type: ignore[method-assign] # to see what it says
    sdk = provider(service, PeriodicExportingMetricReader(sending))
    sdk.get_meter("shop").create_counter("orders").add(1)
    await asyncio.to_thread(sdk.shutdown)
    assert results == [MetricExportResult.FAILURE]


async def test_json_is_counted_and_its_bad_points_are_told(
    stack: TestStack, engineer: Client, service: str
) -> None:
    now_ns = str(time.time_ns())
    points = [
        {"asInt": "3", "timeUnixNano": now_ns, "attributes": []},
        {"asDouble": "NaN", "timeUnixNano": now_ns},
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    metrics = [{"name": "queue", "gauge": {"dataPoints": points}}]
    body = {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": metrics}]}]}
    headers = {"Authorization": f"Bearer {engineer.token}", "Content-Type": "application/json"}
    url = stack.url("metrics") + "/v1/metrics"
    for _ in range(2):  # the second time it counts no more
        async with engineer.session.post(url, json=body, headers=headers) as response:
            assert response.status == 200
            told = json.loads(await response.text())["partialSuccess"]
            assert told["rejectedDataPoints"] == "1"
            assert "not_finite" in told["errorMessage"]
    await assert_counted(engineer, service, "queue")


async def test_the_snippet_of_the_sdk_runs(
    stack: TestStack, engineer: Client, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEOPS_TOKEN", engineer.token)
    await run(stack, sys.executable, "-c", snippet("Python SDK", "python", stack, service))
    await assert_counted(engineer, service, "orders", "latency_ms_count", "queue_length")


def test_the_configuration_of_the_collector_can_be_read() -> None:
    [(_, text)] = snippets("producers.md", "Collector")
    found = yaml.safe_load(text)
    assert found["exporters"]["otlphttp"]["metrics_endpoint"].endswith("/v1/metrics")
