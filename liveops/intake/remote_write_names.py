"""Series of Prometheus: what their labels and types say, and how they are written. Pure."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import NamedTuple

from google.protobuf.message import DecodeError

from liveops.intake.foreign_series import MAX_PART_BYTES, Naming, Remembered, Written, written
from liveops.intake.wire.remote_write_pb2 import Label, Metadata
from schema.kinds import Kind
from schema.metrics import MetricFault

TOO_LARGE = MetricFault([], f"a series of over {MAX_PART_BYTES} bytes", "too_large")
#: The value that says a series has ended: one NaN of many.
_STALE = bytes.fromhex("7ff0000000000002")
_NAME = "__name__"
_NOT_TEXT = MetricFault(["labels"], "a label is no pair of texts in UTF-8")
_TWICE = MetricFault(["labels"], "a label is there twice")
#: What types say more than the name does; of the others the ending tells.
_KINDS: Mapping[int, Kind] = {
    Metadata.COUNTER: "counter",
    Metadata.GAUGE: "gauge",
    Metadata.GAUGEHISTOGRAM: "gauge",
    Metadata.INFO: "gauge",
    Metadata.STATESET: "gauge",
}
#: About what a label takes in memory beside its characters.
_LABEL_BYTES = 120


class Part(NamedTuple):
    """One of the series that a native histogram becomes."""

    ending: str
    kind: Kind
    le: str = ""


_Labels = tuple[bytes, ...]
_Key = _Labels | tuple[_Labels, int, Part | None]
_Named = Written | MetricFault
#: The series of some labels, or a part of it.
SeriesOf = Callable[[Part | None], _Named]


class SeriesNames:
    """The series a worker has met in remote write, by their labels as they were sent."""

    def __init__(self, naming: Naming, max_bytes: int) -> None:
        self._naming = naming
        self._known: Remembered[_Key, _Named] = Remembered(max_bytes)

    def of_labels(self, labels: _Labels, part: Part | None) -> _Named:
        """The series of labels of 1.0, each as its bytes."""
        key: _Key = labels if part is None else (labels, 0, part)
        known = self._known.get(key)
        if known is None:
            try:
                pairs = [(label.name, label.value) for label in map(Label.FromString, labels)]
            except DecodeError:
                return _NOT_TEXT
            known = self._learn(key, pairs, 0, part)
        return known

    def of_symbols(self, texts: _Labels, metric_type: int, part: Part | None) -> _Named:
        """The series of labels of 2.0: name, value, name, value …; and its type by metadata."""
        key = (texts, metric_type, part)
        known = self._known.get(key)
        if known is None:
            if sum(map(len, texts)) > MAX_PART_BYTES:  # each may be named a thousand times
                return TOO_LARGE
            try:
                plain = [text.decode() for text in texts]
            except UnicodeDecodeError:
                return _NOT_TEXT
            pairs = list(zip(plain[::2], plain[1::2], strict=True))
            known = self._learn(key, pairs, metric_type, part)
        return known

    def _learn(
        self, key: _Key, pairs: list[tuple[str, str]], metric_type: int, part: Part | None
    ) -> _Named:
        named = self._named(pairs, metric_type, part)
        size_bytes = sum(_LABEL_BYTES + len(name) + len(text) for name, text in pairs)
        size_bytes += len(named.head) if isinstance(named, Written) else 0
        self._known.put(key, named, size_bytes)
        return named

    def _named(self, pairs: list[tuple[str, str]], metric_type: int, part: Part | None) -> _Named:
        there = [(name, text) for name, text in pairs if text]  # one without a value is none
        labels = dict(there)
        if len(labels) < len(there):
            return _TWICE
        name = labels.pop(_NAME, "")
        kind = _KINDS.get(metric_type) or self._naming.kind_of(name)
        if part is not None and name:
            name, kind = name + part.ending, part.kind
            labels |= {"le": part.le} if part.le else {}
        return written(name, labels, kind, self._naming.services)


def is_stale(value: float) -> bool:
    """Whether this NaN says that a series has ended."""
    return struct.pack(">d", value) == _STALE
