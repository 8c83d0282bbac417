"""OTLP metrics: from an ExportMetricsServiceRequest to the points of each metric. Pure.

The request is walked down to its points, which are read one by one (`otlp_points`): a request of
megabytes can so be read in slices, and what is wrong with a point is no matter of the others.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from liveops.intake.foreign_series import MAX_PART_BYTES, Refusal
from liveops.intake.otlp_attributes import Labels, labels_of, scope_labels
from liveops.intake.otlp_names import Origin
from liveops.intake.otlp_points import MESSAGES, Form, PointTaker
from liveops.intake.protobuf_fields import Malformed, fields
from schema.metrics import MetricFault

#: Numbers of fields, by message.
_RESOURCE_METRICS = 1
_RESOURCE, _SCOPE_METRICS = 1, 2
_SCOPE, _METRICS = 1, 2
_NAME = 1
_POINTS, _TEMPORALITY, _IS_MONOTONIC = 1, 2, 3
#: Labels, or why there are none, and the bytes that they are known by.
Attributes = tuple[Labels | MetricFault, bytes]
MALFORMED = MetricFault([], "no protobuf message of its kind", "malformed")
TOO_LARGE = MetricFault([], f"over {MAX_PART_BYTES} bytes", "too_large")


def check(body: bytes) -> Iterator[None]:
    """Look at a body down to its metrics; raises Malformed where it is no message."""
    for resource_metrics in _parts(body, _RESOURCE_METRICS):
        for scope_metrics in _parts(resource_metrics or b"", _SCOPE_METRICS):
            for _ in fields(scope_metrics or b""):
                yield
            yield
        yield


def read(body: bytes, taker: PointTaker) -> Iterator[None]:
    """Take the points of a request, one a step; raises Malformed, but not after `check`."""
    for resource_metrics in _parts(body, _RESOURCE_METRICS):
        if resource_metrics:
            yield from _read_resource(resource_metrics, taker)
        yield


def _read_resource(content: bytes, taker: PointTaker) -> Iterator[None]:
    resource = _attributes(Resource, (yield from _single(content, _RESOURCE)))
    for scope_metrics in _parts(content, _SCOPE_METRICS):
        if scope_metrics:
            scope = _attributes(InstrumentationScope, (yield from _single(scope_metrics, _SCOPE)))
            origin = origin_of(resource, scope)
            for metric in _parts(scope_metrics, _METRICS):
                if metric:
                    yield from _read_metric(metric, origin, taker)
                yield
        yield


def origin_of(resource: Attributes, scope: Attributes) -> Origin | MetricFault:
    """Where points are from; a fault where that cannot be read."""
    (of_resource, resource_key), (of_scope, scope_key) = resource, scope
    if isinstance(of_resource, MetricFault):
        return of_resource
    if isinstance(of_scope, MetricFault):
        return of_scope
    return Origin(of_resource, of_scope, (resource_key, scope_key))


def _parts(content: bytes, wanted: int) -> Iterator[bytes | None]:
    """The contents of this field; None for each other one, so that no step is long."""
    for number, part in fields(content):
        yield part if number == wanted and isinstance(part, bytes) else None


def _single(content: bytes, wanted: int) -> Generator[None, None, bytes]:
    """A field that is there once, as its bytes; several are merged by joining them."""
    found = []
    for part in _parts(content, wanted):
        if part:
            found.append(part)
        yield
    return b"".join(found)


def _attributes(message: Any, content: bytes) -> Attributes:
    """The labels of a resource or scope, and the bytes that it is known by."""
    if len(content) > MAX_PART_BYTES:
        return TOO_LARGE, b""
    try:
        found = message.FromString(content)
        of_scope = message is InstrumentationScope
        labels = scope_labels(found) if of_scope else labels_of(found.attributes)
    except DecodeError:
        return MALFORMED, b""
    except Refusal as refusal:
        return refusal.fault, b""
    return labels, content


def _read_metric(content: bytes, origin: Origin | MetricFault, taker: PointTaker) -> Iterator[None]:
    """Take the points of one metric."""
    try:
        form, data = yield from _form_of(content)
    except (Malformed, UnicodeDecodeError):
        taker.refuse(MALFORMED)
        return
    if form is None:
        return
    for part in _parts(data, _POINTS):
        if part is not None:
            _take_point(part, form, origin, taker)
        yield


def _form_of(content: bytes) -> Generator[None, None, tuple[Form | None, bytes]]:
    """What a metric is, None where it is nothing, and its points with what is said of them."""
    name, number, data = "", 0, b""
    for field, part in fields(content):
        if field == _NAME and isinstance(part, bytes):
            name = part.decode()
        elif field in MESSAGES and isinstance(part, bytes):
            number, data = field, part
        yield
    temporality = is_monotonic = 0
    for field, value in fields(data):
        if field == _TEMPORALITY and isinstance(value, int):
            temporality = value
        elif field == _IS_MONOTONIC and isinstance(value, int):
            is_monotonic = value
        yield
    return (Form(name, number, temporality, bool(is_monotonic)) if number else None), data


def _take_point(part: bytes, form: Form, origin: Origin | MetricFault, taker: PointTaker) -> None:
    if isinstance(origin, MetricFault):
        taker.refuse(origin)
    elif len(part) > MAX_PART_BYTES:
        taker.refuse(TOO_LARGE)
    else:
        try:
            point = MESSAGES[form.number].FromString(part)
        except DecodeError:
            taker.refuse(MALFORMED)
        else:
            taker.take(point, form, origin)
