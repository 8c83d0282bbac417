"""The client's wheel, alone in an environment of its own, against the real product."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from liveops import __version__
from tests.client import Client, eventually
from tests.snippets import ROOT
from tests.stack import TestStack

pytestmark = pytest.mark.integration
PROGRAM = """
import asyncio, importlib.metadata, importlib.util, json, sys
import httpx2
import liveops.client
from liveops.client import AsyncClient, Client, MetricQueue, Red
from liveops.client.asgi import RedMiddleware

url, token, service, peer = sys.argv[1:]
metric = {"service_name": service, "metric_type": "sent", "value": 1}
with Client(url, token=token) as client:
    assert client.send([metric] * 1500) == 1500
queue = MetricQueue(Client(url, token=token))
red = Red(service, queue)


async def app(scope, receive, send):
    with red.calling(peer):
        pass
    status = 500 if scope["path"] == "/bad" else 200
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def main():
    async with AsyncClient(url, token=token) as client:
        assert await client.send([metric]) == 1
    transport = httpx2.ASGITransport(RedMiddleware(app, red))
    async with httpx2.AsyncClient(transport=transport, base_url="http://app") as http:
        for path in ("/", "/", "/bad"):
            await http.get(path)


asyncio.run(main())
others = [n for n in ("faust", "asyncpg", "liveops.kafka", "schema", "msgspec", "aiohttp")
          if importlib.util.find_spec(n)]
version = importlib.metadata.version("liveops-client")
print(json.dumps({"file": liveops.client.__file__, "others": others, "version": version}))
"""  # the queue is sent when the program ends


def made(folder: Path) -> Path:
    """The Python of an environment with nothing but the wheel and what it asks for."""
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    checkout = folder / "checkout"  # a build leaves files behind
    for part in ("clients", "liveops"):
        shutil.copytree(ROOT / part, checkout / part, symlinks=True)
    shutil.copy(ROOT / "LICENSE", checkout)
    wheel = [*pip, "wheel", "--no-deps", "--wheel-dir", folder, checkout / "clients" / "python"]
    subprocess.run(wheel, check=True, cwd=folder)
    (built,) = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "env"], check=True)
    python = folder / "env" / "bin" / "python"
    subprocess.run([*pip, "--python", python, "install", built], check=True, cwd=folder)
    return python


async def test_the_wheel_alone_sends_and_tells_the_topology(
    stack: TestStack, engineer: Client, tmp_path: Path
) -> None:
    python = await asyncio.to_thread(made, tmp_path)
    service, peer = f"alone-{uuid4().hex[:8]}", f"peer-{uuid4().hex[:8]}"
    arguments = [PROGRAM, stack.url("metrics"), engineer.token, service, peer]
    done = await asyncio.to_thread(
        subprocess.run, [str(python), "-I", "-c", *arguments],
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["version"] == __version__
    assert Path(told["file"]).is_relative_to(tmp_path)
    assert told["others"] == []

    async def sums() -> dict[str, float] | None:
        found: dict[str, float] = {}
        path = f"/api/metrics/aggregated?service={service}&window=1m"
        for series in (await engineer.get(path))["series"]:
            for point in series["points"]:
                name = series["metric_type"]
                value = point["count"] if name.endswith("_ms") else point["sum"]
                found[name] = found.get(name, 0) + value
        return found if len(found) == 7 and found["sent"] >= 1501 else None

    assert await eventually(sums, "all that was sent") == {
        "sent": 1501, "http_requests": 3, "http_errors": 1, "http_duration_ms": 3,
        "call_requests": 3, "call_errors": 0, "call_duration_ms": 3,
    }  # fmt: skip

    async def learned() -> bool:
        edges = (await engineer.get("/api/topology"))["edges"]
        return any((e["from"], e["to"]) == (service, peer) for e in edges)

    await eventually(learned, "the learned edge", within_s=100)  # learned once a minute
