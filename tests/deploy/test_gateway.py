"""Debian's nginx with the shipped configuration: one origin for dashboard and APIs."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

from liveops.embedded.ports import PortBook
from liveops.services import PORTS
from tests.client import eventually
from tests.debian import program
from tests.deploy.shipped import DOCKER, RUNBOOKS
from tests.product import Product

pytestmark = pytest.mark.integration

#: Paths that each worker serves for itself.
_OWN = ("/actuator", "/docs", "/openapi.json")
#: Where the container may write, and where the runbooks are mounted.
_SCRATCH, _MOUNTED = " /tmp/", "/usr/share/liveops/runbooks"
STOP_S = 10


@pytest.fixture(scope="module")
def gateway(product: Product, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the gateway."""
    folder = tmp_path_factory.mktemp("gateway")
    port = PortBook("127.0.0.1").choose("gateway", 0)
    text = (DOCKER / "gateway" / "nginx.conf").read_text(encoding="utf-8")
    for name, usual in PORTS.items():
        text = text.replace(f" {name}:{usual};", f" {product.stack.url(name)[7:]};")
    text = text.replace("listen 8080", f"listen 127.0.0.1:{port}")
    text = text.replace(_SCRATCH, f" {folder}/").replace(_MOUNTED, str(RUNBOOKS))
    if os.geteuid() == 0:
        text = f"user root;\n{text}"  # else its workers could not enter the test's folder
    file = folder / "nginx.conf"
    file.write_text(text, encoding="utf-8")
    command = [
        program("nginx", "nginx"),
        "-c",
        str(file),
        "-p",
        str(folder),
        "-e",
        "stderr",
        "-g",
        "daemon off;",
    ]
    process = subprocess.Popen(command)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(STOP_S)


@pytest.fixture
async def session(gateway: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(gateway) as opened:

        async def answers() -> bool:
            try:
                async with opened.get("/config.json") as response:
                    return response.status == 200
            except aiohttp.ClientError:
                return False

        await eventually(answers, "the gateway")
        yield opened


async def sign_in(session: aiohttp.ClientSession, product: Product) -> str:
    body = {"username": "engineer", "password": product.stack.password("engineer")}
    async with session.post("/api/auth/login", json=body) as response:
        assert response.status == 200
        return str((await response.json())["access_token"])


@pytest.mark.parametrize("worker", ["auth", "metrics", "incidents", "analysis"])
async def test_every_documented_call_reaches_its_worker(
    session: aiohttp.ClientSession, product: Product, worker: str
) -> None:
    async with session.get(product.stack.url(worker) + "/openapi.json") as response:
        paths = (await response.json())["paths"]
    missed = []
    for path, calls in paths.items():
        if path.startswith(_OWN) or "/{name}" in path:  # of files, which may be missing
            continue
        filled = re.sub(r"\{\w+\}", str(uuid4()), path)
        for method in calls:
            async with session.request(method, filled) as response:
                # Without a token: 401 where there is such a route, 404 elsewhere.
                if response.status in (404, 405, 502):
                    missed.append((method, path, response.status))
    assert missed == []


async def test_metrics_go_in_and_a_live_stream_comes_out(
    session: aiohttp.ClientSession, product: Product
) -> None:
    token, service = await sign_in(session, product), f"via-gateway-{uuid4().hex[:8]}"
    protocols = ("bearer", token)
    path = f"/api/metrics/live?service={service}"
    async with session.ws_connect(path, protocols=protocols) as socket:
        assert (await socket.receive_json())["type"] == "snapshot"
        metric = {"service_name": service, "metric_type": "m", "value": 1, "timestamp": time.time()}
        headers = {"Authorization": f"Bearer {token}"}
        async with session.post("/api/metrics", json=metric, headers=headers) as response:
            assert response.status == 202
        message = await socket.receive_json(timeout=30)
    assert message["metrics"][0]["service_name"] == service


async def test_a_body_too_large_is_refused_by_the_worker(
    session: aiohttp.ClientSession, product: Product
) -> None:
    headers = {"Authorization": f"Bearer {await sign_in(session, product)}"}
    body = b"[" + b" " * (9 * 1024 * 1024) + b"]"
    async with session.post(
        "/api/metrics", data=body, headers=headers | {"Content-Type": "application/json"}
    ) as response:
        assert response.status == 413
        assert response.content_type == "application/problem+json"


async def test_the_dashboard_the_runbooks_and_nothing_of_the_actuator(
    session: aiohttp.ClientSession,
) -> None:
    async with session.get("/") as response:
        assert (response.status, response.content_type) == (200, "text/html")
    async with session.get("/runbooks/LiveOpsWorkerDown.md") as response:
        assert (response.status, response.content_type) == (200, "text/plain")
        expected = (RUNBOOKS / "LiveOpsWorkerDown.md").read_text(encoding="utf-8")
        assert await response.text() == expected
    for path in ("/actuator/metrics", "/actuator/health", "/runbooks/../nginx.conf"):
        async with session.get(path) as response:
            assert response.status == 404


def test_the_mount_of_the_runbooks_is_where_nginx_looks() -> None:
    text = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    assert f"../docs/runbooks:{_MOUNTED}:ro" in text
    assert Path(RUNBOOKS).is_dir()
