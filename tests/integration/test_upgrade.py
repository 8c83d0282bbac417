"""What version 0.1.0 has stored survives: the present version goes on where it stopped.

One data directory was left by workers that stopped in order, the other by workers that were
killed under load. An incident is open in both, and the rule that opened it still fires.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from aiokafka import AIOKafkaProducer

from liveops.kafka.partitioning import partition_of
from schema.topics import AGGREGATED, RAW
from tests.chaos.answers import answered_windows, archived
from tests.chaos.compare import Aggregated, compare_rows, compare_windows, window_key
from tests.chaos.drain import until_read, until_settled
from tests.chaos.incidents import announced
from tests.chaos.log import Log
from tests.chaos.reference import read_log
from tests.client import Client, eventually
from tests.stack import TestStack
from tests.stored_data import Stored, restored_stack

pytestmark = pytest.mark.integration
ALL = "shop%"
SERVICES = ("shop-api", "shop-db", "shop-cart", "shop/web.v1")
#: Of the former version's `allowed_lateness_s`, 300.
LATE_S = 200.0
#: The ids of so long are remembered.
IDS_S = 600.0
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Upgraded:
    """The present version on a former one's data."""

    stored: Stored
    stack: TestStack
    log: Log


@pytest.fixture(params=["orderly", "killed"])
def upgraded(request: pytest.FixtureRequest) -> Iterator[Upgraded]:
    stored = Stored.read(request.param)
    with restored_stack(stored) as stack:
        yield Upgraded(stored, stack, Log(stack.url("kafka")))


async def test_nothing_is_recounted_reopened_or_lost(upgraded: Upgraded) -> None:
    stored, log = upgraded.stored, upgraded.log
    before = stored.table("incidents")[0]
    async with Client.signed_in(upgraded.stack, "engineer") as client:
        await until_read(log, print)
        ((incident_id, status, version),) = await standing(client)
        assert (incident_id, status) == (before["id"], "open")
        assert version <= before["version"] + 1  # a worse value may have come before the kill
        await nothing_emitted_without_reason(log, stored)

        repeated = await send_again(upgraded)
        await go_on(upgraded)
        reference = read_log(await log.raw())
        assert reference.repeated >= repeated > 0
        windows, final = reference.windows(), reference.final_until_s()
        found = await until_settled(log, upgraded.stack, windows, final, print)
        assert compare_windows("aggregated", windows, found.latest(), final) == []
        assert found.emitted_again() == []
        answered = await answered_windows(
            client, set(SERVICES), stored.facts["stopped_s"] - 7200, max(final.values()) + 900
        )
        assert compare_windows("api", windows, answered, final, with_histogram=False) == []
        await hours_hold_what_their_windows_do(client, stored)
        rows = await archived(upgraded.stack.url("postgres"), ALL)
        assert compare_rows(reference.metrics, rows) == []

        async def resolved() -> Json | None:
            incident = await client.get(f"/api/incidents/{before['id']}")
            return incident if incident["status"] == "resolved" else None

        incident = await eventually(resolved, "the end of the incident")
        assert incident["version"] <= before["version"] + 4  # how it stands, then over
        assert len(await standing(client)) == 1
        events = await announced(log)
        assert {(e["id"], e["version"]) for e in events} == {(before["id"], 1)}


async def hours_hold_what_their_windows_do(client: Client, stored: Stored) -> None:
    """Also of the time before there were any."""
    from_s = int(stored.facts["stopped_s"] - 7200) // 3600 * 3600
    span = f"from={from_s}&to={from_s + 6 * 3600}"
    for service in SERVICES:
        counts = []
        for window in ("15m", "1h"):
            path = f"/api/metrics/aggregated?service={quote(service)}&window={window}&{span}"
            series = (await client.get(path))["series"]
            counts.append(sum(point["count"] for one in series for point in one["points"]))
        assert counts[0] == counts[1] > 0, service


async def standing(client: Client) -> list[tuple[str, str, int]]:
    """Id, status and version of every incident."""
    incidents = (await client.get("/api/incidents"))["items"]
    return [(i["id"], i["status"], i["version"]) for i in incidents]


async def nothing_emitted_without_reason(log: Log, stored: Stored) -> None:
    """Of windows closed before there is nothing new, but what a killed worker had not sent."""
    ends = {n: end for topic, n, end in stored.facts["ends"] if topic == AGGREGATED}
    old, new = Aggregated(), []
    for record in await log.read(AGGREGATED):
        window = json.loads(record.value)
        if record.offset < ends[record.partition]:
            old.add(window)
        else:
            new.append(window)
    known = {key: revisions[max(revisions)] for key, revisions in old.windows.items()}
    assert known
    for window in new:
        former = known.get(window_key(window["service_name"], window, window["window"]))
        if former is None:
            continue
        assert stored.facts["variant"] == "killed", window
        assert window == former or window["count"] > former["count"], (former, window)


async def send_again(upgraded: Upgraded) -> int:
    """The newest metrics that brought an id, by the other way; how many."""
    newest_s = upgraded.stored.facts["stopped_s"]
    given = []
    for record in await upgraded.log.raw():
        try:
            plain = json.loads(record.value or b"")
        except ValueError:
            continue
        service = plain["service_name"]
        for item in plain.get("metrics", [plain]):
            if "id" in item and record.append_ms / 1000 > newest_s - IDS_S:
                given.append((record.partition, {"service_name": service, **item}))
    async with producer(upgraded) as sending:
        for partition, item in given:
            await put(sending, 1 - partition, item, newest_s + 1)
    return len(given)


async def go_on(upgraded: Upgraded) -> None:
    """Late values of closed windows, then a quarter of an hour in which all is well."""
    last_s = upgraded.stored.facts["last_event_s"]
    stopped_s = upgraded.stored.facts["stopped_s"]
    partitions = upgraded.stored.facts["partitions"]
    async with producer(upgraded) as sending:
        for service in SERVICES:
            late = {"metric_type": "cpu", "value": 4.25, "timestamp": stopped_s - LATE_S}
            await put(sending, 0, {"service_name": service, **late}, stopped_s + 2)
        for passed_s in range(10, 1200, 20):
            at_s = stopped_s + passed_s
            for service in SERVICES:
                item = {"service_name": service, "timestamp": max(last_s, at_s)}
                home = partition_of(service, partitions)
                for partition in (home, 1 - home):  # both readers come this far
                    cpu = {**item, "metric_type": "cpu", "value": passed_s / 4}
                    await put(sending, partition, cpu, at_s)
            errors = {"service_name": "shop-cart", "metric_type": "errors", "value": 1.5}
            await put(sending, 0, {**errors, "timestamp": at_s}, at_s)


def producer(upgraded: Upgraded) -> AIOKafkaProducer:
    """A producer; to be entered."""
    return AIOKafkaProducer(bootstrap_servers=upgraded.stack.url("kafka"), linger_ms=5)


async def put(sending: AIOKafkaProducer, partition: int, item: Json, at_s: float) -> None:
    """One record that the broker is to have taken at `at_s`."""
    value, key = json.dumps(item).encode(), item["service_name"].encode()
    await sending.send(RAW, value, key=key, partition=partition, timestamp_ms=int(at_s * 1000))
