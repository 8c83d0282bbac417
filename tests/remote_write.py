"""Bodies of Prometheus remote write for tests to send."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import cramjam

from tests.wire.prometheus_pb2 import Histogram, ReferringSeries, Request, WriteRequest

STALE: float = struct.unpack(">d", bytes.fromhex("7ff0000000000002"))[0]
HEADERS_1 = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
HEADERS_2 = HEADERS_1 | {
    "Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"
}
#: Labels, and samples (value, Unix time in ms).
Series = tuple[Mapping[str, str], Sequence[tuple[float, int]]]


def request_1(*series: Series) -> WriteRequest:
    """A request of 1.0."""
    request = WriteRequest()
    for labels, samples in series:
        one = request.timeseries.add()
        for name, value in labels.items():
            one.labels.add(name=name, value=value)
        for number, at_ms in samples:
            one.samples.add(value=number, timestamp=at_ms)
    return request


def request_2(*series: Series, types: Sequence[int] = ()) -> Request:
    """A request of 2.0; with the type of each series, as metadata has it."""
    request = Request(symbols=[""])
    for at, (labels, samples) in enumerate(series):
        one = refer(request, labels)
        one.metadata.type = types[at] if types else 0
        for number, at_ms in samples:
            one.samples.add(value=number, timestamp=at_ms)
    return request


def refer(request: Request, labels: Mapping[str, str]) -> ReferringSeries:
    """One more series in a request of 2.0, without samples."""
    one = request.timeseries.add()
    for text in (part for pair in labels.items() for part in pair):
        if text not in request.symbols:
            request.symbols.append(text)
        one.labels_refs.append(list(request.symbols).index(text))
    return one


def packed(request: WriteRequest | Request) -> bytes:
    """As it is sent."""
    return bytes(cramjam.snappy.compress_raw(request.SerializeToString()))


def native(at_ms: int, counts: Sequence[int], total: float, *, schema: int = 0) -> Histogram:
    """A native histogram with these counts in the buckets up to 1, 2, 4 …"""
    deltas = [now - before for before, now in zip([0, *counts], counts, strict=False)]
    found = Histogram(
        count_int=sum(counts), sum=total, schema=schema, timestamp=at_ms, positive_deltas=deltas
    )
    found.positive_spans.add(offset=0, length=len(counts))
    return found
