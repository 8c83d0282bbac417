"""Bodies of remote write and OTLP for `liveops bench ingest`, and the cost of reading them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter

import cramjam
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, ScopeMetrics

from liveops.intake.wire.remote_write_pb2 import Label, WriteRequest

#: Series of one body, each with one value, as Prometheus sends them; and how many bodies.
PER_BODY, BODIES = 2000, 40
_SERVICES = 20
_READ_S = 1.0


@dataclass(frozen=True, slots=True)
class Foreign:
    """Bodies of one protocol; `read` takes the plain ones apart with protobuf alone."""

    name: str
    path: str
    content: dict[str, str]
    accepted: int
    bodies: list[bytes]
    plain: list[bytes]
    read: Callable[[bytes], int]

    def read_per_s(self) -> float:
        """Values a second in one process that reads every label and value and does no more."""
        began_s, values = perf_counter(), 0
        while perf_counter() - began_s < _READ_S:
            values += sum(map(self.read, self.plain))
        return values / (perf_counter() - began_s)


def remote_write(now_s: float) -> Foreign:
    """Requests of 1.0: every series in each of them, a second apart."""
    labels = [list(_labels(number)) for number in range(PER_BODY)]
    plain = []
    for at in range(BODIES):
        request = WriteRequest()
        for number, pairs in enumerate(labels):
            series = request.timeseries.add(
                labels=[Label(name=n, value=v).SerializeToString() for n, v in pairs]
            )
            series.samples.add(value=number * 1.37 + at, timestamp=int(1000 * (now_s - at)))
        plain.append(request.SerializeToString())
    content = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
    bodies = [bytes(cramjam.snappy.compress_raw(body)) for body in plain]
    return Foreign("remote_write", "/api/v1/write", content, 204, bodies, plain, _read_write)


def _labels(number: int) -> Iterator[tuple[str, str]]:
    yield "__name__", f"http_requests_{number % 50}_total"
    yield "code", "200"
    yield "instance", f"10.0.0.{number % 200}:9100"
    yield "job", f"service-{number % _SERVICES}"
    yield "method", "GET"
    yield "path", f"/api/v1/things/{number}"
    yield "pod", f"service-{number % 30}-6f9c"


def _read_write(body: bytes) -> int:
    values = 0
    for series in WriteRequest.FromString(body).timeseries:
        {label.name: label.value for label in map(Label.FromString, series.labels)}
        values += sum(1 for sample in series.samples if sample.timestamp and sample.value >= 0)
    return values


def otlp(now_s: float) -> Foreign:
    """Exports with a resource a service; every series in each of them, a second apart."""
    plain = []
    for at in range(BODIES):
        request = ExportMetricsServiceRequest()
        for service in range(_SERVICES):
            resource = request.resource_metrics.add()
            for name, text in (("service.name", f"service-{service}"), ("host.name", "host-1")):
                resource.resource.attributes.add(key=name).value.string_value = text
            _fill(resource.scope_metrics.add(), int(1e9 * (now_s - at)), at)
        plain.append(request.SerializeToString())
    content = {"Content-Type": "application/x-protobuf"}
    return Foreign("otlp", "/v1/metrics", content, 200, plain, plain, _read_export)


def _fill(scope: ScopeMetrics, at_ns: int, value: int) -> None:
    scope.scope.name = "bench"
    for number in range(10):
        found = scope.metrics.add(name=f"http.server.requests.{number}").sum
        found.is_monotonic = True
        found.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
        for route in range(PER_BODY // _SERVICES // 10):
            point = found.data_points.add(as_int=value, time_unix_nano=at_ns)
            for name, text in (
                ("http.request.method", "GET"),
                ("http.route", f"/api/v1/things/{route}"),
                ("http.response.status_code", "200"),
                ("k8s.pod.name", f"pod-{route}"),
            ):
                point.attributes.add(key=name).value.string_value = text


def _read_export(body: bytes) -> int:
    values = 0
    for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in metric.sum.data_points:
                    {one.key: one.value.string_value for one in point.attributes}
                    values += point.time_unix_nano > 0 and point.as_int >= 0
    return values
