"""Debian's Alertmanager on loopback, and a Prometheus that tells it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from liveops.embedded.ports import PortBook
from tests.client import eventually
from tests.debian import program

STOP_S = 10


class Alertmanager:
    """A running one."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def alerts(self) -> list[dict[str, Any]]:
        """Alerts that are not over; none while it does not answer."""
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(self.url + "/api/v2/alerts") as response,
            ):
                found: list[dict[str, Any]] = await response.json()
                return found
        except aiohttp.ClientError:
            return []

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

        await eventually(look, "Alertmanager")


@contextmanager
def alertmanager(folder: Path, webhook: str, token: str) -> Iterator[Alertmanager]:
    """Started in `folder`; it tells a webhook of every alert at once."""
    receiver = {
        "name": "liveops",
        "webhook_configs": [
            {
                "url": webhook,
                "send_resolved": True,
                "http_config": {"authorization": {"credentials": token}},
            }
        ],
    }
    route = {"receiver": "liveops", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s"}
    file = folder / "alertmanager.yaml"
    file.write_text(yaml.safe_dump({"route": route, "receivers": [receiver]}), encoding="utf-8")
    port = PortBook("127.0.0.1").choose("alertmanager", 0)
    command = [
        program("prometheus-alertmanager", "prometheus-alertmanager"),
        f"--config.file={file}",
        f"--storage.path={folder / 'alerts'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with _process(command, folder / "alertmanager.log"):
        yield Alertmanager(f"http://127.0.0.1:{port}")


@contextmanager
def alerting_prometheus(folder: Path, told: str, rules: list[dict[str, Any]]) -> Iterator[str]:
    """A Prometheus that scrapes itself, judges `rules` each second, and tells `told`; its URL."""
    rule_file, file = folder / "rules.yaml", folder / "alerting.yaml"
    groups = {"groups": [{"name": "test", "interval": "1s", "rules": rules}]}
    rule_file.write_text(yaml.safe_dump(groups), encoding="utf-8")
    target = [{"targets": [told.removeprefix("http://")]}]
    document = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rule_file)],
        "alerting": {"alertmanagers": [{"static_configs": target}]},
    }
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    port = PortBook("127.0.0.1").choose("prometheus", 0)
    command = [
        program("prometheus", "prometheus"),
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-lifecycle",
        "--rules.alert.resend-delay=1s",
    ]
    with _process(command, folder / "prometheus.log"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _process(command: list[str], log: Path) -> Iterator[None]:
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            yield
        finally:
            process.terminate()
            process.wait(STOP_S)
