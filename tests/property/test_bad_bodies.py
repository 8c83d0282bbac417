"""Bodies of every way in, torn, twisted and huge, over HTTP: no 5xx, no hang, bounded memory."""

from __future__ import annotations

import asyncio
import gzip
import json
import resource
import time
from collections.abc import Awaitable, Callable
from typing import Any

import cramjam
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from tests.fuzzing import fuzz_examples
from tests.remote_write import packed, request_1, request_2
from tests.unit.web.doubles import Sends, admission
from tests.unit.web.test_admission import MEGABYTE, Door, door
from web.bodies import MAX_BYTES

#: What a body may be answered with, whatever it is.
FINE = {200, 202, 204, 400, 413, 415, 422}
MESSAGE_2 = {"Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}
ZIPPED = {"Content-Encoding": "gzip"}
#: The bodies are small, and each try serves HTTP anew.
WITHOUT_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)


def whole() -> dict[str, tuple[str, bytes, dict[str, str]]]:
    """A good body of each form: way in, bytes, further headers."""
    now_ns = time.time_ns()
    labels = {"__name__": "up", "job": "node", "instance": "a:9100"}
    series = (labels, [(1.0, now_ns // 10**6)])
    metric = {"service_name": "a", "metric_type": "m", "value": 1, "tags": {"t": "x"}}
    lines = json.dumps([metric] * 3).encode()
    otlp = ExportMetricsServiceRequest()
    point = otlp.resource_metrics.add().scope_metrics.add().metrics.add(name="m").gauge.data_points
    point.add(as_double=1, time_unix_nano=now_ns)
    otlp_json = b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m"}]}]}]}'
    return {
        "json": ("metrics", lines, {}),
        "json, zipped": ("metrics", gzip.compress(lines, mtime=0), ZIPPED),
        "ndjson": (
            "metrics",
            b"\n".join([json.dumps(metric).encode()] * 3),
            {"Content-Type": "application/x-ndjson"},
        ),
        "remote write 1": ("remote_write", packed(request_1(series)), {}),
        "remote write 2": ("remote_write", packed(request_2(series)), MESSAGE_2),
        "otlp": ("otlp", otlp.SerializeToString(), {}),
        "otlp, zipped": ("otlp", gzip.compress(otlp.SerializeToString(), mtime=0), ZIPPED),
        "otlp json": ("otlp", otlp_json, {"Content-Type": "application/json"}),
    }


FORMS = whole()


async def run(tries: Callable[[Door], Awaitable[None]]) -> None:
    """Some tries, after which the ways in are as they were."""
    async with door() as here:
        await tries(here)
        assert (here.room.requests, here.room.bytes) == (0, 0)
        assert (await here.post(*FORMS["json"][:2]))[0] == 202


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=fuzz_examples(25), phases=WITHOUT_SHRINKING)
@given(data=st.data())
def test_torn_and_twisted_bodies(form: str, data: st.DataObject) -> None:
    way, body, headers = FORMS[form]
    cut = data.draw(st.integers(0, len(body)))
    bits = data.draw(st.lists(st.integers(0, len(body) * 8 - 1), max_size=6))
    twisted = bytearray(body)
    for bit in bits:
        twisted[bit // 8] ^= 1 << bit % 8
    within = data.draw(st.binary(max_size=20))

    async def tries(here: Door) -> None:
        for bad in (body[:cut], bytes(twisted), body[:cut] + within + body[cut:], within):
            assert (await here.post(way, bad, **headers))[0] in FINE, bad

    asyncio.run(run(tries))


@settings(max_examples=fuzz_examples(25), phases=WITHOUT_SHRINKING)
@given(st.binary(max_size=300))
def test_garbage_in_good_wrappings(garbage: bytes) -> None:
    async def tries(here: Door) -> None:
        packed_up = bytes(cramjam.snappy.compress_raw(garbage))
        for headers in ({}, MESSAGE_2):
            assert (await here.post("remote_write", packed_up, **headers))[0] in FINE
        for way in ("otlp", "metrics"):
            assert (await here.post(way, gzip.compress(garbage), **ZIPPED))[0] in FINE

    asyncio.run(run(tries))


def million_labels() -> bytes:
    """One series of 10⁶ labels, less what its size allows."""
    label = b"\x0a\x06\x0a\x01a\x12\x01b"  # field 1: a label of name and value
    series = label * 900_000
    length, prefix = len(series), bytearray(b"\x0a")
    while length > 127:
        prefix.append(length & 127 | 128)
        length >>= 7
    return bytes(cramjam.snappy.compress_raw(bytes(prefix) + bytes([length]) + series))


def deep(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


HUGE: dict[str, tuple[str, bytes, dict[str, str], set[int]]] = {
    "a gzip bomb": ("metrics", gzip.compress(b" " * (64 * MEGABYTE)), ZIPPED, {413}),
    "a gzip bomb of points": ("otlp", gzip.compress(b"\0" * (64 * MEGABYTE)), ZIPPED, {413}),
    "a snappy bomb": (
        "remote_write",
        bytes(cramjam.snappy.compress_raw(b"\0" * (64 * MEGABYTE))),
        {},
        {413},
    ),
    "a snappy lie": ("remote_write", b"\xff\xff\xff\xff\x0f" + b"x" * 100, {}, {400, 413}),
    "a million labels": ("remote_write", million_labels(), {}, {204}),
    "a deep object": ("metrics", deep(1_000_000), {}, {422}),
    "a deep array": ("metrics", b"[" * 4_000_000, {}, {400}),
    "a deep otlp": ("otlp", deep(200_000), {"Content-Type": "application/json"}, {400}),
    "empty lists": ("metrics", b"[" + b"[]," * 2_000_000 + b"[]]", {}, {413}),
}


@pytest.mark.parametrize("name", HUGE)
async def test_huge_bodies_are_refused_in_bounded_memory(name: str) -> None:
    way, body, headers, statuses = HUGE[name]

    async def tries(here: Door) -> None:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(3):
            assert (await here.post(way, body, **headers))[0] in statuses
        grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown_kib < 20 * MAX_BYTES // 1024  # the client's own copies are in it

    await run(tries)


async def test_many_large_bodies_at_once_hold_no_more_than_their_room() -> None:
    most = 0

    class Watched(Sends):
        """Notes how much is held whenever something is sent."""

        async def begin(self, service: str, value: bytes) -> None:
            nonlocal most
            most = max(most, here.room.bytes)
            await super().begin(service, value)

    metric = b'{"service_name":"a","metric_type":"m","value":1}'
    body = b"[" + b",".join([metric.ljust(700)] * 9_999) + b"]"
    async with door(max_ingest_bytes=16 * MEGABYTE) as here:
        here.room.sends = admission(Watched()).sends
        posts = [here.post("metrics", body) for _ in range(12)]
        found: list[tuple[int, Any, Any]] = await asyncio.gather(*posts)
        statuses = [status for status, _, _ in found]
        assert {202, 429} == set(statuses)
        assert all(again == "1" for status, _, again in found if status == 429)
        assert 0 < most <= 16 * MEGABYTE
        assert here.room.bytes == 0
