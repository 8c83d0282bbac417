"""`POST /api/v1/write` without servers: what becomes of a body, and what it may be."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import cramjam
import pytest

from liveops.deps import Deps
from liveops.metrics.windows import FOREIGN_REFUSED, SERIES_ENDED
from tests.remote_write import (
    HEADERS_1,
    HEADERS_2,
    STALE,
    native,
    packed,
    refer,
    request_1,
    request_2,
)
from tests.unit.web.doubles import Client, Sends, admission, bearer, deps_without_stores, edge
from tests.wire.prometheus_pb2 import Request, WriteRequest
from web import remote_write

_UP = {"__name__": "up", "instance": "a:9100", "job": "node"}


@asynccontextmanager
async def receiver(**settings: Any) -> AsyncIterator[tuple[Client, Sends]]:
    """The route and what it sends."""
    deps, broker = cast(Any, deps_without_stores()), Sends()
    deps.settings = deps.settings.model_copy(update=settings)
    door = admission(broker, **settings)
    async with edge(*remote_write.routes(cast(Deps, deps), door), deps=deps) as client:
        yield client, broker


async def post(
    client: Client, request: WriteRequest | Request | bytes, **headers: str
) -> tuple[int, Any]:
    """Status and headers, or the problem."""
    usual = HEADERS_2 if isinstance(request, Request) else HEADERS_1
    body = request if isinstance(request, bytes) else packed(request)
    sent = bearer() | usual | headers
    async with client.post("/api/v1/write", data=body, headers=sent) as response:
        problem = await response.json(content_type=None) if response.status >= 400 else None
        return response.status, problem or response.headers


def now_ms() -> int:
    return int(time.time()) * 1000 + 123


def sample(name: str, value: float, at_ms: int, **labels: str) -> Any:
    return {"__name__": name, "job": "node", **labels}, [(value, at_ms)]


def refused(reason: str) -> float:
    """How often something was refused so far."""
    return cast(float, FOREIGN_REFUSED.labels("remote_write", reason)._value.get())


@pytest.mark.parametrize("make", [request_1, request_2])
async def test_samples_become_items_of_their_service(make: Any) -> None:
    at = now_ms()
    body = make(
        (_UP, [(1.0, at), (0.0, at + 1000)]), sample("http_requests_total", 7.0, at, code="200")
    )
    async with receiver() as (client, broker):
        assert (await post(client, body))[0] == 204
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at // 1000)) + ".123000Z"
    assert [key for key, _ in broker.records] == ["node"]
    assert broker.items[0] == {
        "service_name": "node", "metric_type": "up", "tags": {"instance": "a:9100"},
        "value": 1.0, "timestamp": stamp, "once": True,
    }  # fmt: skip
    assert broker.items[1]["value"] == 0.0
    assert broker.items[2] == {
        "service_name": "node", "metric_type": "http_requests_total", "tags": {"code": "200"},
        "value": 7.0, "timestamp": stamp, "once": True, "kind": "counter",
    }  # fmt: skip


async def test_2_tells_how_much_was_written() -> None:
    at = now_ms()
    body = request_2(sample("a", 1.0, at), sample("b", math.inf, at), sample("c", STALE, at))
    refer(body, {"__name__": "h", "job": "node"}).histograms.append(native(at, [1, 2], 3.0))
    body.timeseries[0].exemplars.add(value=1.0)
    async with receiver() as (client, _):
        status, headers = await post(client, body)
        assert status == 204
        told = [headers[f"X-Prometheus-Remote-Write-{name}-Written"]
                for name in ("Samples", "Histograms", "Exemplars")]  # fmt: skip
        assert told == ["2", "1", "0"]
        status, headers = await post(client, request_1(sample("a", 1.0, at)))
        assert not [name for name in headers if "Written" in name]


async def test_bad_and_old_samples_refuse_nothing_and_are_counted() -> None:
    at = now_ms()
    before = {reason: refused(reason) for reason in ("not_finite", "too_old", "future", "invalid")}
    body = request_1(
        sample("inf", math.inf, at),
        sample("nan", math.nan, at),
        sample("old", 1.0, at - 8 * 86_400_000),
        sample("negative", 1.0, -(2**62)),
        sample("ahead", 1.0, at + 700_000),
        sample("", 1.0, at),
        ({"__name__": "nobody"}, [(1.0, at)]),
        ({"__name__": "m", "job": "a", "liveops_overflow": "true"}, [(1.0, at)]),
        sample("good", 1.0, at),
    )
    body.timeseries[-1].labels.add(name="empty")
    twice = body.timeseries.add()
    for _ in range(2):
        twice.labels.add(name="__name__", value="m")
    twice.samples.add(value=1.0, timestamp=at)
    async with receiver() as (client, broker):
        assert (await post(client, body))[0] == 204
    assert [item["metric_type"] for item in broker.items] == ["good"]
    assert "tags" not in broker.items[0]
    grown = {reason: refused(reason) - count for reason, count in before.items()}
    assert grown == {"not_finite": 2, "too_old": 2, "future": 1, "invalid": 4}


async def test_a_series_that_cannot_be_read_leaves_the_others() -> None:
    at = now_ms()
    good = request_1(sample("good", 1.0, at)).SerializeToString()
    bad = b"\x0a\x04\x0a\x7f\x00\x00"  # a label that reaches beyond its series
    latin = request_1(sample("n\u00e4me", 1.0, at)).SerializeToString().replace(b"\xc3", b"\xff")
    before = refused("malformed"), refused("invalid")
    async with receiver() as (client, broker):
        body = bytes(cramjam.snappy.compress_raw(bad + good + latin))
        assert (await post(client, body))[0] == 204
    assert [item["metric_type"] for item in broker.items] == ["good"]
    assert (refused("malformed") - before[0], refused("invalid") - before[1]) == (1, 1)


async def test_a_stale_marker_is_neither_a_value_nor_a_fault() -> None:
    at = now_ms()
    ended = SERIES_ENDED.labels("remote_write")._value
    before, faults = ended.get(), refused("not_finite")
    body = request_1((_UP, [(1.0, at), (STALE, at + 1)]))
    async with receiver() as (client, broker):
        assert (await post(client, body))[0] == 204
    assert [item["value"] for item in broker.items] == [1.0]
    assert (ended.get() - before, refused("not_finite")) == (1, faults)


async def test_the_type_of_2_is_better_than_the_name() -> None:
    at = now_ms()
    named = ["gauge_total", "plain", "x_count", "y_total", "z_bucket"]
    types = [2, 1, 3, 0, 4]
    body = request_2(*(sample(name, 1.0, at) for name in named), types=types)
    async with receiver() as (client, broker):
        assert (await post(client, body))[0] == 204
    kinds = {item["metric_type"]: item.get("kind", "gauge") for item in broker.items}
    assert kinds == {"gauge_total": "gauge", "plain": "counter", "x_count": "counter",
                     "y_total": "counter", "z_bucket": "gauge"}  # fmt: skip


async def test_a_created_counter_tells_its_start_if_that_was_of_late() -> None:
    at = now_ms()
    body = request_2(sample("a_total", 1.0, at), sample("b_total", 1.0, at), sample("c", 1.0, at))
    for one, ago_s in zip(body.timeseries, (60, 6000, 60), strict=True):
        one.created_timestamp = at - ago_s * 1000
    async with receiver() as (client, broker):
        assert (await post(client, body))[0] == 204
    assert [item["metric_type"] for item in broker.items if "start" in item] == ["a_total"]


async def test_names_are_mapped_as_it_is_set() -> None:
    at = now_ms()
    body = request_1(
        ({"__name__": "a", "team": "x y", "job": "node"}, [(1.0, at)]),
        ({"__name__": "b_total", "job": "node"}, [(1.0, at)]),
        ({"__name__": "old_counter", "team": "t"}, [(1.0, at)]),
    )
    settings = {"service_labels": "team, job", "counter_names": "old_*", "gauge_names": "b_*,c"}
    async with receiver(**settings) as (client, broker):
        assert (await post(client, body))[0] == 204
    found = [(i["service_name"][:4], i["metric_type"], i.get("kind")) for i in broker.items]
    assert sorted(found) == [
        ("node", "b_total", None),
        ("t", "old_counter", "counter"),
        ("x_y.", "a", None),
    ]
    assert {"job": "node"} in [item.get("tags") for item in broker.items]


async def test_an_instance_is_a_service_with_its_colon_made_legal() -> None:
    body = request_1(({"__name__": "a", "instance": "db-1:9187"}, [(1.0, now_ms())]))
    async with receiver() as (client, broker):
        assert (await post(client, body))[0] == 204
    assert broker.items[0]["service_name"].startswith("db-1_9187.h")


async def test_too_many_labels_are_told_apart() -> None:
    at = now_ms()
    many = {f"l{number:02}": "x" for number in range(30)}
    body = request_1(sample("a", 1.0, at, **many), sample("a", 2.0, at, **(many | {"l29": "y"})))
    async with receiver() as (client, broker):
        assert (await post(client, body))[0] == 204
    first, second = (item["tags"] for item in broker.items)
    assert len(first) == len(second) == 16
    assert first != second
    assert first.keys() == second.keys()


async def test_a_native_histogram_gives_counters_and_what_was_added() -> None:
    at = now_ms()
    labels = {"__name__": "h", "job": "node"}

    def body(at_ms: int, counts: list[int], total: float) -> Request:
        request = request_2()
        refer(request, labels).histograms.append(native(at_ms, counts, total))
        return request

    async with receiver() as (client, broker):
        for sent in (body(at, [1, 2], 4.0), body(at + 1, [1, 5], 10.0), body(at + 1, [1, 5], 10.0)):
            assert (await post(client, sent))[0] == 204
        broker.is_away = True
        assert (await post(client, body(at + 2, [2, 5], 11.0)))[0] == 503
        broker.is_away = False
        assert (await post(client, body(at + 2, [2, 5], 11.0)))[0] == 204
        assert (await post(client, body(at + 3, [0, 1], 1.5)))[0] == 204  # it began anew
    found = [item["histogram"] for item in broker.items if item["metric_type"] == "h"]
    assert found == [
        {"count": 3, "sum": 6.0, "bounds": [1.0, 2.0], "counts": [0, 3, 0]},
        {"count": 1, "sum": 1.0, "bounds": [0.5, 1.0], "counts": [0, 1, 0]},
        {"count": 1, "sum": 1.5, "bounds": [1.0, 2.0], "counts": [0, 1, 0]},
    ]
    counts = [item for item in broker.items if item["metric_type"] == "h_count"]
    assert [item["value"] for item in counts] == [3, 6, 6, 7, 1]
    assert {item["kind"] for item in counts} == {"counter"}
