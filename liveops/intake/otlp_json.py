"""OTLP metrics as JSON: the same points, read from text. Pure.

What holds the points is read level by level, each as the text of what is in it, and the points one
by one, by the official classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import msgspec
from google.protobuf import json_format
from msgspec import Raw, Struct
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from liveops.intake.foreign_series import MAX_PART_BYTES, Refusal
from liveops.intake.otlp import MALFORMED, TOO_LARGE, Attributes, origin_of
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

#: Values and objects of one point: the classes of protobuf read JSON slowly.
_MAX_VALUES, _MAX_OBJECTS = 12_000, 3000
_NOTHING = Raw(b"{}")
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


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
    metrics: list[Raw] | None = None


class _ResourceMetrics(Struct, rename="camel"):
    resource: Raw = _NOTHING
    scope_metrics: list[Raw] | None = None


class Request(Struct, rename="camel"):
    """An ExportMetricsServiceRequest; fields that are not known are left out, as OTLP wants."""

    resource_metrics: list[Raw] | None = None


T = TypeVar("T")
_read_request = msgspec.json.Decoder(Request).decode
_read_resource = msgspec.json.Decoder(_ResourceMetrics | None).decode
_read_scope = msgspec.json.Decoder(_ScopeMetrics | None).decode
_read_metric = msgspec.json.Decoder(_Metric | None).decode


class NotOtlp(ValueError):
    """The text is not JSON, or JSON of another form."""


def decode(text: bytes) -> Request:
    """The request, its parts as text; raises NotOtlp."""
    try:
        return _read_request(text)
    except _UNREADABLE as error:
        raise NotOtlp(str(error)) from None


def read_json(request: Request, taker: PointTaker) -> Iterator[None]:
    """Take the points of a request, one a step; a part of another form is one bad point."""
    for resource_metrics in _each(request.resource_metrics, _read_resource, taker):
        resource = _attributes(Resource, resource_metrics.resource)
        yield
        for scope_metrics in _each(resource_metrics.scope_metrics, _read_scope, taker):
            origin = origin_of(resource, _attributes(InstrumentationScope, scope_metrics.scope))
            yield
            for metric in _each(scope_metrics.metrics, _read_metric, taker):
                for number, data in metric.data():
                    yield from _read_data(metric.name or "", number, data, origin, taker)
                yield


def _each(
    texts: list[Raw] | None, read: Callable[[Raw], T | None], taker: PointTaker
) -> Iterator[T]:
    """Each of these that can be read."""
    for text in texts or ():
        try:
            found = read(text)
        except _UNREADABLE:
            taker.refuse(MALFORMED)
        else:
            if found is not None:
                yield found


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
    except Refusal as refusal:
        return refusal.fault, b""
    return labels, found.SerializeToString(deterministic=True)


def _message(message: Any, text: Raw) -> Any:
    """A message of this class, or why it is none."""
    written = bytes(text)
    is_long = written.count(b",") > _MAX_VALUES or written.count(b"{") > _MAX_OBJECTS
    if is_long or len(written) > MAX_PART_BYTES:
        return TOO_LARGE
    if written == b"null":
        return message()
    try:
        return json_format.Parse(written, message(), ignore_unknown_fields=True)
    except (json_format.ParseError, ValueError, RecursionError):
        return MALFORMED
