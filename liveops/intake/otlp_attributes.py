"""Attributes of OpenTelemetry as labels: of a point, its scope and its resource. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Mapping
from typing import Any

from liveops.intake.foreign_series import MAX_LABELS, Refusal
from schema.metrics import MetricFault

#: The attribute of a resource that names the service.
SERVICE_NAME = "service.name"
#: What a scope is called among the labels.
SCOPE_NAME, SCOPE_VERSION = "otel.scope.name", "otel.scope.version"
_MANY = MetricFault(["attributes"], f"over {MAX_LABELS}")
_TWICE = MetricFault(["attributes"], "a name is there twice")
_NESTED = ("array_value", "kvlist_value")
_MAX_NESTED_BYTES = 4096
Labels = dict[str, str]


def labels_of(attributes: Collection[Any]) -> Labels:
    """Name and text of each attribute; raises Refusal."""
    if len(attributes) > MAX_LABELS:
        raise Refusal(_MANY)
    labels = {attribute.key: _text(attribute.value) for attribute in attributes}
    if len(labels) < len(attributes):
        raise Refusal(_TWICE)
    return labels


def scope_labels(scope: Any) -> Labels:
    """The labels of an instrumentation scope; raises Refusal."""
    labels = labels_of(scope.attributes)
    if scope.name:
        labels.setdefault(SCOPE_NAME, scope.name)
    if scope.version:
        labels.setdefault(SCOPE_VERSION, scope.version)
    return labels


def layered(point: Mapping[str, str], scope: Mapping[str, str], resource: Labels) -> Labels:
    """All of them as one; of two with one name the outer one is told by where it is from."""
    labels = dict(point)
    for layer, more in (("scope", scope), ("resource", resource)):
        for name, text in more.items():
            place = name
            while place in labels:
                place = f"{layer}.{place}"
            labels[place] = text
    return labels


def _text(value: Any) -> str:
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return str(value.string_value)
    if kind == "double_value":
        return repr(value.double_value)
    if kind in _NESTED and value.ByteSize() > _MAX_NESTED_BYTES:
        # Longer than a tag may be in any form: its hash tells it apart.
        return base64.b64encode(value.SerializeToString(deterministic=True)).decode()
    plain = _plain(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """Objects that JSON knows."""
    kind = value.WhichOneof("value")
    if kind is None:
        return ""
    found = getattr(value, kind)
    if kind == "array_value":
        return [_plain(one) for one in found.values]
    if kind == "kvlist_value":
        return {one.key: _plain(one.value) for one in found.values}
    if kind == "bytes_value":
        return base64.b64encode(found).decode()
    return found
