"""`POST /v1/metrics` without servers: what a body may be, and what is told of what is bad in it."""

from __future__ import annotations

import gzip
import math

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from tests.unit.web.doubles import bearer, ingest_bearer
from tests.unit.web.test_otlp import (
    DELTA,
    JSON,
    PROTOBUF,
    exponential,
    now_ns,
    one_metric,
    post,
    put,
    receiver,
    scope_of,
)


def mixed() -> ExportMetricsServiceRequest:
    """Two good points and six bad ones, of which one is of a scope without a service."""
    request, at = ExportMetricsServiceRequest(), now_ns()
    metric = scope_of(request).metrics.add(name="m")
    metric.gauge.data_points.add(as_double=1, time_unix_nano=at)
    metric.gauge.data_points.add(as_double=math.inf, time_unix_nano=at)
    metric.gauge.data_points.add(as_double=1, time_unix_nano=at - 8 * 86_400 * 10**9)
    metric.gauge.data_points.add(time_unix_nano=at)
    for _ in range(2):
        point = metric.gauge.data_points.add(as_double=1, time_unix_nano=at)
        put(point.attributes, "ok", "1")
    put(point.attributes, "ok", "2")
    unspecified = scope_of(request).metrics.add(name="s")
    unspecified.sum.data_points.add(as_int=1, time_unix_nano=at)
    nobody = scope_of(request, service="").metrics.add(name="m")
    nobody.gauge.data_points.add(as_double=1, time_unix_nano=at)
    return request


@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
async def test_partial_success_is_told_in_the_encoding_of_the_request(kind: str) -> None:
    request = mixed()
    body = request.SerializeToString()
    if kind == JSON:
        body = json_format.MessageToJson(request).encode()
    async with receiver() as (client, broker):
        status, answer = await post(client, body, kind)
        zipped = await post(client, gzip.compress(body), kind, **{"Content-Encoding": "gzip"})
    assert (status, answer.partial_success.rejected_data_points, len(broker.items)) == (200, 6, 4)
    assert "no_temporality" in answer.partial_success.error_message
    assert zipped == (status, answer)


async def test_json_means_what_protobuf_means() -> None:
    request = mixed()
    metric = scope_of(request, host=7, ok=True).metrics.add(name="h")
    metric.CopyFrom(exponential(DELTA, [4, 0, 5], 60.0, now_ns()))
    found = []
    for body, kind in (
        (request.SerializeToString(), PROTOBUF),
        (json_format.MessageToJson(request, use_integers_for_enums=True).encode(), JSON),
    ):
        async with receiver() as (client, broker):
            assert (await post(client, body, kind))[0] == 200
        found.append(broker.records)
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", PROTOBUF),
        (ExportMetricsServiceRequest().SerializeToString(), PROTOBUF),
        (one_metric(Metric(name="empty")), PROTOBUF),
        (b"{}", JSON),
        (b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{}}]}]}]}', JSON),
        (b'{"resourceMetrics":[{"resource":null,"scopeMetrics":null}],"new":1}', JSON),
    ],
)
async def test_no_points_are_fine(body: bytes, kind: str) -> None:
    async with receiver() as (client, broker):
        assert await post(client, body, kind) == (200, ExportMetricsServiceResponse())
    assert not broker.records


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"\x0a\x05ab", PROTOBUF, 400),
        (b"{", JSON, 400),
        (b"[]", JSON, 400),
        (b'{"resourceMetrics":{}}', JSON, 400),
        (b"\xff", JSON, 400),
        (b"[" * 100_000, JSON, 400),
        (b"{}", "application/grpc", 415),
        (b"x" * (8 * 1024 * 1024 + 1), PROTOBUF, 413),
    ],
)
async def test_what_is_no_request_is_refused(body: bytes, kind: str, status: int) -> None:
    async with receiver() as (client, broker):
        assert (await post(client, body, kind))[0] == status
    assert not broker.records


async def test_a_gzip_bomb_is_413_and_snappy_is_415() -> None:
    bomb = gzip.compress(bytes(100 * 1024 * 1024))
    async with receiver() as (client, _):
        assert (await post(client, bomb, **{"Content-Encoding": "gzip"}))[0] == 413
        assert (await post(client, b"", **{"Content-Encoding": "snappy"}))[0] == 415


async def test_who_may_write_and_for_whom() -> None:
    metric = Metric(name="m")
    metric.gauge.data_points.add(as_double=1, time_unix_nano=now_ns())
    body = one_metric(metric)
    async with receiver() as (client, broker):
        assert (await post(client, body, **bearer("MANAGER")))[0] == 403
        assert (await post(client, body, Authorization=""))[0] == 401
        status, answer = await post(client, body, **ingest_bearer(["other"]))
        assert (status, answer.partial_success.rejected_data_points) == (200, 1)
        assert not broker.records
        broker.is_away = True
        assert (await post(client, body))[0] == 503


async def test_what_is_broken_within_leaves_the_others() -> None:
    good = Metric(name="good")
    good.gauge.data_points.add(as_double=1, time_unix_nano=now_ns())
    parts = [
        good.SerializeToString(),
        b"\x0a\x7f",  # a name that reaches beyond the metric
        b"\x0a\x01\xff",  # one that is not UTF-8
        b"\x0a\x01m\x2a\x04\x0a\x02\x19\x00",  # a point that ends within its time
    ]
    scope = b"".join(b"\x12" + bytes([len(part)]) + part for part in parts)
    attributes = ExportMetricsServiceRequest()
    scope_of(attributes)
    resource = attributes.resource_metrics[0].resource.SerializeToString()
    whole = b"\x0a" + bytes([len(resource)]) + resource + b"\x12" + bytes([len(scope)]) + scope
    async with receiver() as (client, broker):
        status, answer = await post(client, b"\x0a" + bytes([len(whole)]) + whole)
    assert (status, answer.partial_success.rejected_data_points) == (200, 3)
    assert [one["metric_type"] for one in broker.items] == ["good"]
