"""From POST /api/metrics to windows, live data and the archive, on real servers."""

from __future__ import annotations

import gzip
import time
from typing import Any
from uuid import uuid4

import orjson
import pytest

from schema.times import format_time
from tests.client import Client, eventually

pytestmark = pytest.mark.integration


def metric(service: str, value: float = 1.0, **more: Any) -> dict[str, Any]:
    return {"service_name": service, "metric_type": "latency_ms", "value": value, **more}


@pytest.fixture
def service() -> str:
    return f"svc-{uuid4().hex[:12]}"


async def points(client: Client, service: str, query: str = "") -> list[dict[str, Any]]:
    body = await client.get(f"/api/metrics/aggregated?service={service}{query}")
    return [point for series in body["series"] for point in series["points"]]


async def test_an_open_window_is_visible_at_once_and_the_raw_metric_follows(
    engineer: Client, service: str
) -> None:
    await engineer.send(metric(service, 2.0), metric(service, 4.0))

    async def counted() -> dict[str, Any] | None:
        found = await points(engineer, service)
        return found[-1] if found and found[-1]["count"] == 2 else None

    point = await eventually(counted, "the open window")
    assert (point["sum"], point["min"], point["max"]) == (6.0, 2.0, 4.0)
    assert point["final"] is False

    async def archived() -> list[Any] | None:
        items = (await engineer.get(f"/api/metrics/raw?service={service}"))["items"]
        return items if len(items) == 2 else None

    items = await eventually(archived, "the archived metrics")
    assert {item["value"] for item in items} == {2.0, 4.0}


async def test_past_windows_close_with_exact_values(engineer: Client, service: str) -> None:
    minute = int(time.time() // 60) * 60 - 300
    values = [(minute + n, float(n)) for n in range(0, 240, 4)]
    await engineer.send(*(metric(service, v, timestamp=t) for t, v in values))

    async def closed() -> list[dict[str, Any]] | None:
        final = [p for p in await points(engineer, service) if p["final"]]
        return final if len(final) >= 3 else None

    for point in await eventually(closed, "three closed windows"):
        inside = [v for t, v in values if point["start"] == format_time(t // 60 * 60)]
        assert (point["count"], point["sum"]) == (len(inside), sum(inside))


async def test_a_counter_says_what_it_grew_by(engineer: Client, service: str) -> None:
    minute = int(time.time() // 60) * 60 - 300
    counts = [(minute + n, float(n)) for n in range(0, 240, 20)]
    sent = [metric(service, v, timestamp=t, kind="counter", once=True) for t, v in counts]
    await engineer.send(*sent)
    await engineer.send(*sent)  # the same again
    await engineer.send(metric(service, 1.0, timestamp=minute + 1))  # no gauge any more

    async def closed() -> list[dict[str, Any]] | None:
        final = [p for p in await points(engineer, service) if p["final"]]
        return final if len(final) >= 3 else None

    found = await eventually(closed, "three closed windows")
    assert [(p["count"], p["increase"]) for p in found[:3]] == [(3, 40.0), (3, 60.0), (3, 60.0)]
    assert found[1]["rate_per_s"] == 1.0

    async def archived() -> bool:
        rows = (await engineer.get(f"/api/metrics/raw?service={service}"))["items"]
        return {row.get("kind") for row in rows} == {"counter", None}

    await eventually(archived, "the archived samples")
    grouped = await points(engineer, service, "&group_by=zone&fields=increase,rate_per_s")
    assert grouped[1] == {
        "start": found[1]["start"], "end": found[1]["end"], "final": True,
        "increase": 60.0, "rate_per_s": 1.0,
    }  # fmt: skip


async def test_a_repeated_call_counts_once(engineer: Client, service: str) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    for _ in range(3):
        answer = await engineer.call(
            "POST", "/api/metrics", json=[metric(service), metric(service)], headers=key
        )
        assert (answer.status, answer.body) == (202, {"accepted": 2})
    other = await engineer.call("POST", "/api/metrics", json=metric(service, 9.0), headers=key)
    assert other.status == 422
    await engineer.send(metric(service, 5.0))

    async def last() -> dict[str, Any] | None:
        found = await points(engineer, service)
        return found[-1] if found and found[-1]["max"] == 5.0 else None

    assert (await eventually(last, "the last metric"))["count"] == 3


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b'{"a": NaN}', {}, 400),
        (b"\xff\xfe", {}, 400),
        (b"{", {}, 400),
        (b"not gzip", {"Content-Encoding": "gzip"}, 400),
        (b"[]", {}, 422),
        (b"{}", {}, 422),
        (b"3", {}, 422),
        (b'{"service_name":"a b","metric_type":"m","value":1}', {}, 422),
        (b'{"service_name":"a","metric_type":"m","value":true}', {}, 422),
        (b'{"service_name":"a","metric_type":"m","value":"1"}', {}, 422),
        (b'{"service_name":"a","metric_type":"m","value":1e999}', {}, 422),
        (b'{"service_name":"a","metric_type":"m","value":1,"extra":1}', {}, 422),
        (b'{"service_name":"a","metric_type":"m","value":1,"timestamp":9e9}', {}, 422),
        (b'{"service_name":"a","metric_type":"m","value":1,"timestamp":5}', {}, 422),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b" " * 8_400_000, {}, 413),
        (gzip.compress(b" " * 8_400_000), {"Content-Encoding": "gzip"}, 413),
    ],
)
async def test_bad_input_is_refused_precisely(
    engineer: Client, body: bytes, headers: dict[str, str], status: int
) -> None:
    sent = {"Content-Type": "application/json"} | headers
    answer = await engineer.call("POST", "/api/metrics", data=body, headers=sent)
    assert answer.status == status, answer
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.body["status"] == status
    assert answer.body["request_id"] == answer.headers["X-Request-ID"]


async def test_one_bad_item_refuses_the_batch_unless_partial(
    engineer: Client, service: str
) -> None:
    batch = [metric(service), metric(service, timestamp="yesterday"), metric("a b")]
    answer = await engineer.call("POST", "/api/metrics", json=batch)
    assert answer.status == 422
    assert [error["loc"][0] for error in answer.body["errors"]] == [1, 2]
    answer = await engineer.call("POST", "/api/metrics?partial=true", json=batch)
    assert (answer.status, answer.body["accepted"]) == (202, 1)
    assert [item["index"] for item in answer.body["rejected"]] == [1, 2]


async def test_ndjson_and_gzip_are_accepted(engineer: Client, service: str) -> None:
    lines = b"\n".join(orjson.dumps(metric(service, n)) for n in range(3))
    answer = await engineer.call(
        "POST",
        "/api/metrics",
        data=gzip.compress(lines),
        headers={"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"},
    )
    assert (answer.status, answer.body) == (202, {"accepted": 3})


async def test_the_live_socket_gives_a_snapshot_and_then_what_arrives(
    engineer: Client, service: str
) -> None:
    await engineer.send(metric(service, 1.0))

    async def seen() -> bool:
        body = await engineer.get("/api/services?limit=500")
        return any(item["service_name"] == service for item in body["items"])

    await eventually(seen, "the service in the list")
    url = engineer.url(f"/api/metrics/live?service={service}")
    async with engineer.session.ws_connect(url, protocols=("bearer", engineer.token)) as socket:
        snapshot = orjson.loads((await socket.receive(timeout=5)).data)
        assert snapshot["type"] == "snapshot"
        assert [item["value"] for item in snapshot["metrics"]] == [1.0]
        await engineer.send(metric(service, 7.0))
        message = orjson.loads((await socket.receive(timeout=5)).data)
        assert message["type"] == "metrics"
        assert [item["value"] for item in message["metrics"]] == [7.0]


async def test_groups_by_tag_merge_series(engineer: Client, service: str) -> None:
    await engineer.send(
        metric(service, 1.0, tags={"az": "a", "pod": "1"}),
        metric(service, 3.0, tags={"az": "a", "pod": "2"}),
        metric(service, 9.0, tags={"az": "b", "pod": "3"}),
    )

    async def grouped() -> Any:
        path = f"/api/metrics/aggregated?service={service}&group_by=az"
        series = (await engineer.get(path))["series"]
        return series if len(series) == 2 else None

    found = {item["tags"]["az"]: item["points"][0] for item in await eventually(grouped, "groups")}
    assert (found["a"]["count"], found["a"]["mean"], found["b"]["sum"]) == (2, 2.0, 9.0)
