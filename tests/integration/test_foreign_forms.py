"""Records of other programs and of several services, on any partition: windows, archive, live
view and dead letters all tell the same."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Message, Producer

from liveops.kafka.partitioning import partition_of
from schema.ids import raw_metric_id
from schema.times import format_time
from schema.topics import RAW
from tests.client import Client, eventually
from tests.integration.producers import PARTITIONS, Place
from tests.integration.test_any_producer import letters
from tests.snippets import snippets
from tests.stack import TestStack

pytestmark = pytest.mark.integration


def shown(heading: str) -> dict[str, Any]:
    """The record that the page gives as an example."""
    ((_, text),) = [item for item in snippets("producers.md", heading) if item[0] == "json"]
    record: dict[str, Any] = json.loads(text)
    return record


def services() -> list[str]:
    """Three services that belong to three partitions."""
    found: dict[int, str] = {}
    while len(found) < 3:
        name = f"mixed-{uuid4().hex[:8]}"
        found.setdefault(partition_of(name, PARTITIONS), name)
    return list(found.values())


def records(names: list[str], now_s: float) -> list[bytes]:
    """One of each form; each service has ten values, and there are three faults."""
    telegraf, vector = shown("Telegraf"), shown("Vector")
    measured = [
        telegraf | {"tags": {"host": "web-1", "service": name}, "timestamp": int(now_s * 1000)}
        for name in names
    ]  # 5 values each
    measured[0]["fields"] = measured[0]["fields"] | {"uptime_format": "1 day"}
    events = [
        vector | {"tags": {"host": "web-1", "service": name}, "timestamp": format_time(now_s)}
        for name in names
    ]  # 1 each
    ours = [{"service_name": name, "metric_type": "ours", "value": 1} for name in names]  # 1 each
    lines = [f"lp,service={name} a=1,b=2i {int(now_s * 1e9)}" for name in names]  # 2 each
    return [
        json.dumps({"metrics": measured}).encode() + b"\n",
        json.dumps(events).encode(),
        "\r\n".join([*map(json.dumps, ours), "{nonsense}"]).encode(),
        b"\xef\xbb\xbf" + "\n".join(["# lines", *lines, f"lp,service={names[0]} c=t"]).encode(),
        json.dumps(ours[0] | {"service_name": names[0]}).encode(),
        json.dumps([ours[1], ours[2]]).encode(),
    ]


def put(server: str, values: list[bytes]) -> list[Place]:
    """Each record on another partition, compressed; where they came to lie."""
    producer = Producer({"bootstrap.servers": server, "compression.type": "zstd"})
    places: dict[int, Place] = {}
    for number, value in enumerate(values):

        def note(error: object, message: Message, number: int = number) -> None:
            assert error is None, error
            places[number] = message.partition() or 0, message.offset() or 0

        producer.produce(RAW, value, partition=number % PARTITIONS, on_delivery=note)
    assert producer.flush(30) == 0
    return [places[number] for number in range(len(values))]


async def test_every_form_counts_once_wherever_it_lies(stack: TestStack, engineer: Client) -> None:
    names, server = services(), stack.url("kafka")
    places = await asyncio.to_thread(put, server, records(names, time.time()))
    due: Counter[Any] = Counter([
        (places[0], "invalid", 5), (places[2], "not_json", 3), (places[3], "invalid", 6),
    ])  # fmt: skip
    assert await letters(server, due, set(places)) == due
    for number, name in enumerate(names):
        assert await values_in_windows(engineer, name) == Counter(
            {"mem.available": 1, "mem.free": 1, "mem.used": 1, "mem.total": 1,
             "mem.used_percent": 1, "host/load1": 1, "ours": 2, "lp.a": 1, "lp.b": 1}
        )  # fmt: skip
        rows = await archived(engineer, name)
        first = number * 5 + (number > 0)  # the fault has a place too
        ids = {raw_metric_id(RAW, *places[0], first + at) for at in range(5)}
        assert ids == {row["id"] for row in rows if row["metric_type"].startswith("mem.")}
        async with engineer.session.ws_connect(
            engineer.url("/api/metrics/live") + f"?service={name}",
            headers={"Authorization": f"Bearer {engineer.token}"},
        ) as socket:
            snapshot = await socket.receive_json(timeout=10)
        assert {m["id"] for m in snapshot["metrics"]} == {row["id"] for row in rows}


async def values_in_windows(client: Client, service: str) -> Counter[str]:
    async def counted() -> Counter[str] | None:
        path = f"/api/metrics/aggregated?service={service}&window=1m"
        found: Counter[str] = Counter()
        for series in (await client.get(path))["series"]:
            assert series["tags"] in ({}, {"host": "web-1"}, {"host": "web-1", "collector": "load"})
            found[series["metric_type"]] += sum(point["count"] for point in series["points"])
        return found if found.total() >= 10 else None

    return await eventually(counted, f"ten values of {service}")


async def archived(client: Client, service: str) -> list[dict[str, Any]]:
    async def rows() -> list[dict[str, Any]] | None:
        items: list[dict[str, Any]] = (
            await client.get(f"/api/metrics/raw?service={service}&limit=500")
        )["items"]
        return items if len(items) >= 10 else None

    items = await eventually(rows, f"ten rows of {service}")
    assert len({item["id"] for item in items}) == len(items) == 10
    return items
