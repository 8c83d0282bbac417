"""`liveops demo --storm` through the whole chain: 24 services, one incident."""

from __future__ import annotations

import asyncio

import pytest

from liveops.client import AsyncClient
from liveops.clock import SystemClock
from liveops.demo import storm
from liveops.demo.run import Plan
from tests.client import Client, eventually
from tests.stack import TestStack

pytestmark = pytest.mark.integration


async def test_a_storm_of_services_is_one_incident(stack: TestStack, engineer: Client) -> None:
    async with AsyncClient(stack.url("metrics"), token=engineer.token) as sender:
        blowing = asyncio.create_task(
            storm.run(sender, SystemClock(), Plan(seed=5, duration_s=140.0), lambda _: None)
        )

        async def whole() -> bool:
            path = f"/api/incidents?status=open&service={storm.BRANCHES[0]}"
            found = (await engineer.get(path))["items"]
            return len(found) == 1 and {*storm.BRANCHES} <= {*found[0]["affected_services"]}

        try:
            await eventually(whole, "one incident of all branches", within_s=150.0)
            found = await engineer.get("/api/incidents?status=open&limit=500")
        finally:
            blowing.cancel()
            await asyncio.gather(blowing, return_exceptions=True)
    about = [one for one in found["items"] if {*one["affected_services"]} & {*storm.BRANCHES}]
    assert len(about) == 1
