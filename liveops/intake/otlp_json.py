"""OTLP metrics as JSON: the same points, read from text. Pure.

What holds the points is read at once, the points one by one, by the official classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from google.protobuf import json_format
from msgspec import Raw, Struct
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from liveops.intake.otlp import MALFORMED, MAX_POINT_BYTES, TOO_LARGE, Attributes, origin_of
from liveops.intake.otlp_attributes import labels_of, scope_labels
from liveops.intake.otlp_names import Origin
from liveops.intake.otlp_points import (
    EXPONENTIAL,
    GAUGE,
    HISTOGRAM,
    MESSAGES,
    SUM,
    SUMMARY,
    Form,
    PointTaker,
)
from schema.metrics import MetricFault

_NOTHING = Raw(b"{}")


class _Data(Struct, rename="camel"):
    data_points: list[Raw] | None = None
    aggregation_temporality: int | str | None = None
    is_monotonic: bool | None = None


class _Metric(Struct, rename="camel"):
    name: str | None = None
    gauge: _Data | None = None
    sum: _Data | None = None
    histogram: _Data | None = None
    exponential_histogram: _Data | None = None
    summary: _Data | None = None

    def data(self) -> Iterator[tuple[int, _Data]]:
        """Points and what is said of them, by the number of their field; there is one."""
        for number, data in (
            (GAUGE, self.gauge),
            (SUM, self.sum),
            (HISTOGRAM, self.histogram),
            (EXPONENTIAL, self.exponential_histogram),
            (SUMMARY, self.summary),
        ):
            if data is not None:
                yield number, data


class _ScopeMetrics(Struct, rename="camel"):
    scope: Raw = _NOTHING
    metrics: list[_Metric] | None = None


class _ResourceMetrics(Struct, rename="camel"):
    resource: Raw = _NOTHING
    scope_metrics: list[_ScopeMetrics] | None = None


class Request(Struct, rename="camel"):
    """An ExportMetricsServiceRequest; fields that are not known are left out, as OTLP wants."""

    resource_metrics: list[_ResourceMetrics] | None = None


_decode = msgspec.json.Decoder(Request).decode


class NotOtlp(ValueError):
    """The text is not JSON, or JSON of another form."""


def decode(text: bytes) -> Request:
    """The request down to its points; raises NotOtlp."""
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotOtlp(str(error)) from None


def read_json(request: Request, taker: PointTaker) -> Iterator[None]:
    """Take the points of a request, one a step."""
    for resource_metrics in request.resource_metrics or ():
        resource = _attributes(Resource, resource_metrics.resource)
        for scope_metrics in resource_metrics.scope_metrics or ():
            origin = origin_of(resource, _attributes(InstrumentationScope, scope_metrics.scope))
            for metric in scope_metrics.metrics or ():
                for number, data in metric.data():
                    yield from _read_data(metric.name or "", number, data, origin, taker)
                yield
            yield
        yield


def _read_data(
    name: str, number: int, data: _Data, origin: Origin | MetricFault, taker: PointTaker
) -> Iterator[None]:
    temporality = _temporality(data.aggregation_temporality)
    form = Form(name, number, temporality, data.is_monotonic or False)
    for text in data.data_points or ():
        if isinstance(origin, MetricFault):
            taker.refuse(origin)
        else:
            point = _message(MESSAGES[number], text)
            if isinstance(point, MetricFault):
                taker.refuse(point)
            else:
                taker.take(point, form, origin)
        yield


def _temporality(written: int | str | None) -> int:
    """Its number; OTLP wants numbers, and names are read too."""
    if isinstance(written, str):
        names = AggregationTemporality.items()
        return dict(names).get(written, 0)
    return written or 0


def _attributes(message: Any, text: Raw) -> Attributes:
    found = _message(message, text)
    if isinstance(found, MetricFault):
        return found, b""
    try:
        of_scope = message is InstrumentationScope
        labels = scope_labels(found) if of_scope else labels_of(found.attributes)
    except MetricFault as fault:
        return fault, b""
    return labels, found.SerializeToString(deterministic=True)


def _message(message: Any, text: Raw) -> Any:
    """A message of this class, or why it is none."""
    written = bytes(text)
    if len(written) > MAX_POINT_BYTES:
        return TOO_LARGE
    if written == b"null":
        return message()
    try:
        return json_format.Parse(written, message(), ignore_unknown_fields=True)
    except (json_format.ParseError, ValueError, RecursionError):
        return MALFORMED
