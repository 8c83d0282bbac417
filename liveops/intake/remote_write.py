"""Prometheus remote write 1.0 and 2.0: from a body to records of `metrics.raw`. Pure.

One series after the other is read, and what is wrong with one is no matter of the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from google.protobuf.message import DecodeError

from liveops.intake.cumulative_histograms import Differences
from liveops.intake.foreign_items import ForeignItems
from liveops.intake.foreign_series import MAX_LABELS, MAX_PART_BYTES, Written
from liveops.intake.native_histograms import take_histogram
from liveops.intake.protobuf_fields import fields
from liveops.intake.remote_write_names import (
    TOO_LARGE,
    SeriesNames,
    SeriesOf,
    is_stale,
)
from liveops.intake.wire.remote_write_pb2 import Series, SeriesOf2
from schema.metrics import MetricFault

#: Times of remote write are milliseconds.
TICKS = 1000.0
#: Numbers of the fields of a body: series of 1.0; symbols and series of 2.0.
_SERIES, _SYMBOLS, _SERIES_OF_2 = 1, 4, 5
#: Samples that are taken in one step.
_STEP = 500
_MALFORMED = MetricFault([], "a series is no protobuf message", "malformed")
_NO_SYMBOL = MetricFault(["labels_refs"], "names no symbol of the request")
_NO_PAIRS = MetricFault(["labels_refs"], "is no list of pairs")
_MANY_LABELS = MetricFault(["labels"], f"over {MAX_LABELS} labels")


def check(body: bytes) -> Iterator[None]:
    """Look at a body field by field; raises Malformed where it is no message."""
    for _ in fields(body):
        yield


class RemoteWrite:
    """Takes the series of a body into items; counts what of it is written.

    A stale marker is written: it says that the series ended.
    """

    def __init__(self, names: SeriesNames, items: ForeignItems, differences: Differences) -> None:
        self._names = names
        self._items = items
        self._differences = differences
        self.samples = 0
        self.histograms = 0

    def read_1(self, body: bytes) -> Iterator[None]:
        """Take the series of a WriteRequest, one a step; its metadata is not needed.

        Raises Malformed, but not after `check`.
        """
        for number, content in fields(body):
            if number == _SERIES and isinstance(content, bytes):
                series = self._read(Series, content)
                if series is not None:
                    if len(series.labels) > MAX_LABELS:
                        self._refuse(series, _MANY_LABELS)
                    else:
                        series_of = partial(self._names.of_labels, tuple(series.labels))
                        yield from self._take(series, series_of, 0)
            yield

    def read_2(self, body: bytes) -> Iterator[None]:
        """Take the series of an io.prometheus.write.v2.Request, one a step; likewise."""
        symbols: list[bytes] = []
        for number, content in fields(body):
            if number == _SYMBOLS and isinstance(content, bytes):
                symbols.append(content)
            yield
        for number, content in fields(body):
            if number == _SERIES_OF_2 and isinstance(content, bytes):
                series = self._read(SeriesOf2, content)
                if series is not None:
                    yield from self._take_referring(series, symbols)
            yield

    def _read(self, message: Any, content: bytes) -> Any | None:
        """A series; None where it is none or too large."""
        if len(content) > MAX_PART_BYTES:
            self._items.refuse(TOO_LARGE)
            return None
        try:
            return message.FromString(content)
        except DecodeError:
            self._items.refuse(_MALFORMED)
            return None

    def _take_referring(self, series: Any, symbols: list[bytes]) -> Iterator[None]:
        refs = series.labels_refs
        if len(refs) > 2 * MAX_LABELS or len(refs) % 2:
            self._refuse(series, _NO_PAIRS if len(refs) % 2 else _MANY_LABELS)
            return
        try:
            texts = tuple([symbols[ref] for ref in refs])
        except IndexError:
            self._refuse(series, _NO_SYMBOL)
            return
        series_of = partial(self._names.of_symbols, texts, series.metadata.type)
        yield from self._take(series, series_of, series.created_timestamp)

    def _refuse(self, series: Any, fault: MetricFault) -> None:
        self._items.refuse(fault, len(series.samples) + len(series.histograms))

    def _take(self, series: Any, series_of: SeriesOf, start_ms: int) -> Iterator[None]:
        """Take the samples and histograms of a series; the others of many in further steps."""
        samples = series.samples
        if samples:
            named = series_of(None)
            for at in range(0, len(samples), _STEP):
                before = self._items.refusals
                some = samples[at : at + _STEP]
                self._take_samples(some, named, start_ms)
                self.samples += len(some) - (self._items.refusals - before)
                if at:
                    yield
        for histogram in series.histograms:
            before = self._items.refusals
            take_histogram(histogram, series_of, start_ms, self._items, self._differences)
            self.histograms += self._items.refusals == before
            yield

    def _take_samples(self, samples: Any, named: Written | MetricFault, start_ms: int) -> None:
        items = self._items
        if isinstance(named, MetricFault):
            items.refuse(named, len(samples))
            return
        for sample in samples:
            value = sample.value
            if value != value and is_stale(value):
                items.ended += 1
            else:
                items.value(named, value, sample.timestamp, sample.start_timestamp or start_ms)
