"""A real broker that stops, dies and comes back: 503 at once meanwhile, and never a false 202."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from aiokafka import AIOKafkaConsumer

from liveops.embedded.layout import Layout
from liveops.embedded.part import start
from liveops.embedded.servers import Servers, start_servers
from liveops.kafka.ingest_sends import IngestSends
from liveops.kafka.producer import Producer
from liveops.kafka.topics import ensure_topics
from liveops.settings import Settings
from schema.topics import RAW
from tests.client import eventually
from tests.remote_write import HEADERS_1, packed, request_1
from tests.stack import AnyPort, temporary_data_dir
from tests.unit.web.doubles import SECRET, Client, bearer, deps_without_stores, edge
from web import ingest, otlp, remote_write
from web.admission import Admission

pytestmark = pytest.mark.integration
JSON = {"Content-Type": "application/json"}
#: What each way in says when all is with the broker.
GOOD = {"/api/metrics": 202, "/api/v1/write": 204, "/v1/metrics": 200}


@dataclass(slots=True)
class Edge:
    """The ways in over a broker of their own."""

    client: Client
    servers: Servers
    settings: Settings
    accepted: int = 0

    async def post(self, path: str) -> tuple[int, str | None]:
        """Send one metric; status and `Retry-After`."""
        body, kind = _body(path, self.accepted)
        async with self.client.post(path, data=body, headers=bearer() | kind) as answer:
            await answer.read()
            self.accepted += answer.status == GOOD[path]
            return answer.status, answer.headers.get("Retry-After")

    async def count(self) -> int:
        """Metrics on `metrics.raw`."""
        consumer = AIOKafkaConsumer(
            RAW, bootstrap_servers=self.settings.broker_url, auto_offset_reset="earliest"
        )
        found = 0
        await consumer.start()
        try:
            ends = await consumer.end_offsets(consumer.assignment())
            while any([await consumer.position(place) < end for place, end in ends.items()]):
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    for record in records:
                        found += len(json.loads(record.value).get("metrics", [0]))
        finally:
            await consumer.stop()
        return found


def _body(path: str, number: int) -> tuple[bytes, dict[str, str]]:
    service = f"s{number % 7}"
    if path == "/api/metrics":
        return json.dumps({"service_name": service, "metric_type": "m", "value": 1}).encode(), JSON
    if path == "/api/v1/write":
        labels = {"__name__": "m", "job": service}
        return packed(request_1((labels, [(1.0, time.time_ns() // 10**6)]))), HEADERS_1
    gauge = {"dataPoints": [{"asDouble": 1.0, "timeUnixNano": str(time.time_ns())}]}
    name = {"key": "service.name", "value": {"stringValue": service}}
    resource = {
        "resource": {"attributes": [name]},
        "scopeMetrics": [{"metrics": [{"name": "m", "gauge": gauge}]}],
    }
    return json.dumps({"resourceMetrics": [resource]}).encode(), JSON


@pytest.fixture
def layout() -> Iterator[Layout]:
    with temporary_data_dir() as layout:
        yield layout


@asynccontextmanager
async def broker_and_edge(layout: Layout) -> AsyncIterator[Edge]:
    ports = AnyPort("127.0.0.1")
    servers = await start_servers(layout, print, names=("kafka",), ports=ports)
    settings = Settings(broker_url=servers.url("kafka"), jwt_secret=SECRET)
    sends, deps = IngestSends(Producer(settings)), deps_without_stores()
    room = Admission(settings, sends)
    routes = [
        *ingest.routes(deps, room),
        *remote_write.routes(deps, room),
        *otlp.routes(deps, room),
    ]
    try:
        await ensure_topics(settings)
        await sends.start()
        async with edge(*routes, deps=deps) as client:
            yield Edge(client, servers, settings)
    finally:
        await sends.stop()
        await servers.stop()


async def test_a_broker_that_hangs_or_dies_is_503_until_it_is_back(layout: Layout) -> None:
    async with broker_and_edge(layout) as here:
        kafka = here.servers.running["kafka"]

        async def is_refused() -> bool:
            status, retry_after = await here.post("/api/metrics")
            assert (status, retry_after) in ((202, None), (503, "2"))
            return status == 503

        async def all_ways(statuses: dict[str, int]) -> bool:
            return {path: (await here.post(path))[0] for path in GOOD} == statuses

        await eventually(lambda: all_ways(GOOD), "all ways taking what they get", 60)
        kafka.process.send_signal(signal.SIGSTOP)
        await eventually(is_refused, "a refusal")
        # Known now: nothing waits for the broker any more, which still says nothing.
        assert await all_ways(dict.fromkeys(GOOD, 503))
        kafka.process.send_signal(signal.SIGCONT)
        await eventually(lambda: all_ways(GOOD), "taking again", 60)

        kafka.process.kill()
        kafka.process.wait()
        await eventually(is_refused, "a refusal")
        assert await all_ways(dict.fromkeys(GOOD, 503))
        here.servers.running["kafka"] = await start(kafka.part, here.servers.layout)
        await eventually(lambda: all_ways(GOOD), "taking again", 60)
        assert await here.count() >= here.accepted
