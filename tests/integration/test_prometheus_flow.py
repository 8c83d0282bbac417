"""Debian's Prometheus scrapes a worker of ours, writes back into it, and is killed on the way."""

from __future__ import annotations

import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

from liveops.embedded.ports import PortBook
from schema.times import parse_time_s
from tests.client import Client, eventually
from tests.debian import program
from tests.deploy.prometheus import Prometheus
from tests.remote_write import HEADERS_1, HEADERS_2, packed, request_1, request_2
from tests.snippets import snippets
from tests.stack import TestStack

pytestmark = pytest.mark.integration
#: A gauge, counters, and a histogram of counters.
WATCHED = (
    "up", "process_cpu_seconds_total", "liveops_records_read_total",
    "http_request_duration_seconds_bucket",
)  # fmt: skip
#: Prometheus gathers samples for 5 s by default; when it is killed it may have sent none of these.
UNSENT_MS = 8000.0
#: Labels of a series, and its value by time in ms.
Samples = dict[tuple[tuple[str, str], ...], dict[int, float]]


class Sender:
    """Prometheus with a data directory, that can be killed and started again."""

    def __init__(self, folder: Path, stack: TestStack, token: str, job: str) -> None:
        self._folder, self._job = folder, job
        self._target = stack.url("metrics").removeprefix("http://")
        port = PortBook("127.0.0.1").choose("prometheus", 0)
        self.api = Prometheus(f"http://127.0.0.1:{port}", time.time())
        (folder / "liveops.token").write_text(token, encoding="utf-8")
        [text] = [text for kind, text in snippets("producers.md", "Prometheus") if kind == "yaml"]
        self._shown = yaml.safe_load(text.replace("http://127.0.0.1:8081", stack.url("metrics")))
        self._process: subprocess.Popen[bytes] | None = None
        self._configure(scrapes=True)

    def _configure(self, *, scrapes: bool) -> None:
        targets = [{"targets": [self._target]}] if scrapes else []
        scrape = {"job_name": self._job, "metrics_path": "/actuator/metrics",
                  "static_configs": targets}  # fmt: skip
        document = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [scrape],
            **self._shown,
        }
        (self._folder / "p.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [
            program("prometheus", "prometheus"),
            f"--config.file={self._folder / 'p.yaml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address={self.api.url.removeprefix('http://')}",
        ]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        await self.api.ready()

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def end_series(self) -> None:
        """Take its target away: it writes stale markers, and no sample after them."""
        assert self._process is not None
        self._configure(scrapes=False)
        self._process.send_signal(signal.SIGHUP)

    async def samples(self, metric: str) -> Samples:
        """All that it has scraped."""
        found = await self.api.ask("query", query=f'{metric}{{job="{self._job}"}}[15m]')
        return {
            tuple(sorted(series["metric"].items())): {
                round(at_s * 1000): float(value) for at_s, value in series["values"]
            }
            for series in found["result"]
        }


@asynccontextmanager
async def sender(
    folder: Path, stack: TestStack, engineer: Client, job: str
) -> AsyncIterator[Sender]:
    body = {"name": job, "services": [job]}
    answer = await engineer.call("POST", "/api/auth/ingest-tokens", json=body)
    assert answer.status == 201, answer
    found = Sender(folder, stack, answer.body["token"], job)
    await found.start()
    try:
        yield found
    finally:
        found.kill()


async def write(engineer: Client, job: str, samples: Samples, *, in_2: bool) -> None:
    """Send these once more, as Prometheus does that had no answer."""
    series = [(dict(labels), [(v, at) for at, v in of.items()]) for labels, of in samples.items()]
    body = packed(request_2(*series) if in_2 else request_1(*series))
    headers = (HEADERS_2 if in_2 else HEADERS_1) | {"Authorization": f"Bearer {engineer.token}"}
    url = engineer.stack.url("metrics") + "/api/v1/write"
    async with engineer.session.post(url, data=body, headers=headers) as response:
        assert response.status == 204, await response.text()


async def windows(engineer: Client, job: str, metric: str) -> dict[str, list[dict[str, Any]]]:
    """Points by the tags of their series."""
    path = f"/api/metrics/aggregated?service={job}&metric={metric}&window=1m"
    found = (await engineer.get(path))["series"]
    return {str(sorted(series["tags"].items())): series["points"] for series in found}


async def raw_times(engineer: Client, job: str, metric: str) -> dict[str, set[int]]:
    """Times in ms of what is archived, by tags."""
    found: dict[str, set[int]] = defaultdict(set)
    cursor = ""
    while True:
        path = f"/api/metrics/raw?service={job}&metric={metric}&limit=500{cursor}"
        page = await engineer.get(path)
        for item in page["items"]:
            found[str(sorted(item["tags"].items()))].add(_ms(item["timestamp"]))
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def _ms(stamp: str) -> int:
    return round(parse_time_s(stamp) * 1000)


def by_tags(samples: Samples) -> dict[str, dict[int, float]]:
    """With tags as LiveOps has them: without the name, and the job that is the service."""
    return {
        str([pair for pair in labels if pair[0] not in ("__name__", "job")]): of
        for labels, of in samples.items()
    }


def increase(samples: Mapping[int, float]) -> float:
    """What a counter rose by; it does not fall here."""
    values = [samples[at] for at in sorted(samples)]
    return values[-1] - values[0]


async def test_liveops_watches_itself_through_prometheus_exactly_once(
    stack: TestStack, engineer: Client, tmp_path: Path
) -> None:
    job = f"self-{uuid4().hex[:8]}"

    async def count_of_up() -> int:
        found = await windows(engineer, job, "up")
        return sum(point["count"] for points in found.values() for point in points)

    async with sender(tmp_path, stack, engineer, job) as prometheus:

        async def more_than(count: int) -> bool:
            return await count_of_up() > count

        await eventually(lambda: more_than(5), "the first samples")
        killed_ms = 1000 * time.time()
        prometheus.kill()
        before = await count_of_up()
        await prometheus.start()
        gap_ms = (killed_ms - UNSENT_MS, 1000 * time.time())
        await eventually(lambda: more_than(before + 5), "samples after the kill")
        prometheus.end_series()
        ended = 'liveops_series_ended_total{way="remote_write"}'
        await eventually(lambda: _is_positive(engineer, ended), "stale markers")
        scraped = {metric: await prometheus.samples(metric) for metric in WATCHED}
        # What it had not sent when it was killed it never sends; nothing else may be missing.
        for metric in WATCHED:
            await _agree(engineer, job, metric, by_tags(scraped[metric]), gap_ms)
    # The whole again, and what was missing for the first time: all of it counts once.
    for metric in WATCHED:
        await write(engineer, job, scraped[metric], in_2=metric != "up")
    for metric in WATCHED:
        has_all = partial(_has_all, engineer, job, metric, by_tags(scraped[metric]))
        await eventually(has_all, f"all of {metric}")
    assert await _is_known(engineer, job)
    answer = await engineer.call("DELETE", f"/api/services/{job}")  # nobody is to miss it
    assert answer.status == 204, answer


async def _agree(
    engineer: Client,
    job: str,
    metric: str,
    scraped: Mapping[str, Mapping[int, float]],
    gap_ms: tuple[float, float],
) -> None:
    """The windows counted what was archived, once each: all that was scraped but for a gap."""

    async def agreed() -> bool:
        archived = await raw_times(engineer, job, metric)
        counted = await windows(engineer, job, metric)
        if archived.keys() != counted.keys() or not scraped.keys() <= archived.keys():
            return False
        for tags, samples in scraped.items():
            if not all(gap_ms[0] < at < gap_ms[1] for at in samples.keys() - archived[tags]):
                return False
        for tags, points in counted.items():
            assert archived[tags] <= scraped[tags].keys(), "nobody scraped this"
            if sum(point["count"] for point in points) != len(archived[tags]):
                return False
            seen = {at: scraped[tags][at] for at in archived[tags]}
            if metric != "up" and not _rises(points, increase(seen)):
                return False
        return True

    await eventually(agreed, f"{metric} once each")


async def _has_all(
    engineer: Client, job: str, metric: str, scraped: Mapping[str, Mapping[int, float]]
) -> bool:
    counted = await windows(engineer, job, metric)
    counts = {tags: sum(point["count"] for point in points) for tags, points in counted.items()}
    assert all(counts[tags] <= len(of) for tags, of in scraped.items()), "counted twice"
    risen = metric == "up" or all(
        _rises(counted[tags], increase(of)) for tags, of in scraped.items()
    )
    return risen and counts == {tags: len(of) for tags, of in scraped.items()}


def _rises(points: list[dict[str, Any]], by: float) -> bool:
    return sum(point["increase"] or 0.0 for point in points) == pytest.approx(by)


async def _is_positive(engineer: Client, series: str) -> bool:
    url = engineer.stack.url("metrics") + "/actuator/metrics"
    async with engineer.session.get(url) as response:
        lines = (await response.text()).splitlines()
    return any(line.startswith(series) and float(line.split()[-1]) > 0 for line in lines)


async def _is_known(engineer: Client, job: str) -> bool:
    services = (await engineer.get("/api/services?limit=500"))["items"]
    return job in {service["service_name"] for service in services}
