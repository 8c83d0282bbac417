"""Debian's Prometheus with the shipped configuration, scraping workers on loopback."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from liveops.embedded.ports import PortBook
from tests.client import eventually
from tests.debian import program
from tests.deploy.shipped import PROMETHEUS, RULES, read_yaml

SCRAPE_S = 1
STOP_S = 10


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running one; times are Unix seconds."""

    url: str
    began_s: float

    async def ask(self, path: str, **parameters: str) -> Any:
        """The data of an API call that must succeed."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/api/v1/{path}", params=parameters) as response,
        ):
            answer = await response.json()
        assert answer["status"] == "success", (parameters, answer)
        return answer["data"]

    async def values(self, expression: str) -> list[float]:
        """Every value that an expression has had since the start."""
        found = await self.ask(
            "query_range",
            query=expression,
            start=str(self.began_s),
            end=str(time.time()),
            step=f"{SCRAPE_S}s",
        )
        return [float(value) for series in found["result"] for _, value in series["values"]]

    async def ready(self) -> None:
        """Wait until it answers."""

        async def look() -> bool:
            try:
                async with (
                    aiohttp.ClientSession() as session,
                    session.get(self.url + "/-/ready") as response,
                ):
                    return response.status == 200
            except aiohttp.ClientError:
                return False

        await eventually(look, "Prometheus")


def configuration(workers: Mapping[str, str]) -> dict[str, Any]:
    """The shipped one, with addresses in the place of names and a faster pace."""
    document: dict[str, Any] = read_yaml(PROMETHEUS / "prometheus.yaml")
    document["global"] |= {"scrape_interval": f"{SCRAPE_S}s", "evaluation_interval": f"{SCRAPE_S}s"}
    document["rule_files"] = [str(RULES / "*.yaml")]
    [job] = [job for job in document["scrape_configs"] if job["job_name"] == "liveops"]
    job["static_configs"] = [
        {
            "targets": [workers[name].removeprefix("http://")],
            "labels": {"__meta_dns_name": name},  # as the name server's answer is labelled
        }
        for found in job.pop("dns_sd_configs")
        for name in found["names"]
    ]
    document["scrape_configs"] = [job]
    return document


@contextmanager
def running(folder: Path, workers: Mapping[str, str]) -> Iterator[Prometheus]:
    """Started in `folder`, and stopped at the end."""
    file = folder / "prometheus.yaml"
    file.write_text(yaml.safe_dump(configuration(workers)), encoding="utf-8")
    port = PortBook("127.0.0.1").choose("prometheus", 0)
    command = [
        program("prometheus", "prometheus"),
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield Prometheus(f"http://127.0.0.1:{port}", time.time())
        finally:
            process.terminate()
            process.wait(STOP_S)
