"""Health says which component is down, and which of them matter."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.core import CollectorRegistry

from liveops.metrics import worker
from tests.unit.web.doubles import edge
from web import actuator


async def up() -> bool:
    return True


async def broken() -> bool:
    raise OSError("away")


@pytest.mark.parametrize(
    ("postgres", "redis", "status"),
    [(up, up, 200), (up, broken, 200), (broken, up, 503), (lambda: False, up, 503)],
)
async def test_only_a_needed_component_makes_it_down(
    postgres: Any, redis: Any, status: int
) -> None:
    routes = actuator.routes(
        {"postgres": postgres, "redis": redis}, ("postgres",), lambda: True, CollectorRegistry()
    )
    async with edge(*routes) as client:
        for path in ("/actuator/health", "/actuator/health/readiness"):
            async with client.get(path) as response:
                got = await response.json()
                assert response.status == status
                assert got["status"] == ("UP" if status == 200 else "DOWN")
        states = {name: item["status"] for name, item in got["components"].items()}
        assert states["redis"] == ("UP" if redis is up else "DOWN")
        async with client.get("/actuator/health/liveness") as response:
            assert (response.status, await response.json()) == (200, {"status": "UP"})


async def test_metrics_and_info_need_no_token() -> None:
    async with edge(*actuator.routes({"x": up}, (), lambda: True, worker.REGISTRY)) as client:
        async with client.get("/actuator/health") as response:
            assert response.status == 200
        async with client.get("/actuator/metrics") as response:
            assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            assert 'liveops_component_up{component="x"} 1.0' in await response.text()
        headers = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
        async with client.get("/actuator/metrics", headers=headers) as response:
            assert response.headers["Content-Type"].startswith("application/openmetrics-text")
            assert response.headers["Vary"] == "Accept"
            assert (await response.text()).endswith("# EOF\n")
        async with client.get("/actuator/info") as response:
            info = await response.json()
    assert info["app"]["name"]
    assert info["build"].keys() >= {"commit", "time"}
    assert info["python"]


async def test_a_stuck_worker_says_so_on_its_liveness_alone() -> None:
    async with edge(
        *actuator.routes({"x": lambda: True}, (), lambda: False, CollectorRegistry())
    ) as client:
        assert (await client.get("/actuator/health/liveness")).status == 503
        assert (await client.get("/actuator/health")).status == 200
