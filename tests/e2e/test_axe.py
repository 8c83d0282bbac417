"""axe finds no fault on any page, for either role, in either theme."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, expect

from tests.client import Client
from tests.e2e import seed
from tests.e2e.browser import IN_BROWSER, Visit, visit
from tests.e2e.conftest import Product

pytestmark = IN_BROWSER


async def faults(here: Visit) -> list[tuple[str, list[Any]]]:
    """What axe finds: rule and elements."""
    await here.page.wait_for_load_state("networkidle")
    results = (await Axe().run(here.page)).response
    return [
        (one["id"], [node["html"][:160] for node in one["nodes"]]) for one in results["violations"]
    ]


async def furnished(product: Product, engineer: Client) -> tuple[str, str, str]:
    """A service with a hole, an incident with everything, one about silence; paths of all."""
    stack, service = product.stack, f"axe-{uuid4().hex[:8]}"
    edges = {"edges": [{"from": "front", "to": service}]}
    assert (await engineer.call("PUT", "/api/topology", json=edges)).status == 200
    await seed.minutes(engineer, service, "latency_ms", {n: 50.0 for n in (1, 2, 3, 20, 21)})
    loud, quiet = await seed.incidents(
        stack,
        [
            {"service_name": service, "detections": [seed.detection(service)]},
            {"service_name": service, "detections": [seed.silence(service, time.time() - 900)]},
        ],
    )
    event = {"service_name": service, "kind": "deploy", "title": "v2"}
    assert (await engineer.call("POST", "/api/events", json=event)).status == 201
    silence = {"duration_s": 86_400}
    answer = await engineer.call("POST", f"/api/incidents/{loud}/silence", json=silence)
    assert answer.status == 201
    for incident_id in (loud, quiet):
        answer = await engineer.call(
            "POST", "/api/analysis/generate", json={"incident_id": incident_id, "force": True}
        )
        assert answer.status == 202
        await seed.events(stack, incident_id, [("comment", "ada", {"text": "seen"})])
    return f"/services/{service}", f"/incidents/{loud}", f"/incidents/{quiet}"


async def unfold(here: Visit, path: str) -> None:
    """What only shows once it is asked for."""
    page = here.page
    if path == "/incidents":
        await page.get_by_label("Select all shown").check()
    if path == "/silences":
        await page.get_by_label("When").select_option("weekly")
    if path.startswith("/incidents/"):
        await page.get_by_role("button", name="Silence", exact=True).click()
        await page.get_by_role("button", name="Wrong").click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("role", "width"), [("engineer", 1280), ("manager", 390)])
async def test_axe_finds_nothing(
    product: Product, browser: Browser, engineer: Client, scheme: str, role: str, width: int
) -> None:
    service, loud, quiet = await furnished(product, engineer)
    async with visit(browser, product.stack, width=width, color_scheme=scheme) as here:
        page = here.page
        await page.goto(product.stack.url("auth") + "/")
        await page.get_by_role("button", name="Sign in").wait_for()
        assert await faults(here) == []
        await here.sign_in(role)
        for path in (
            "/services",
            service,
            "/incidents",
            "/incidents?q=none",
            "/receivers",
            "/silences",
            "/statistics",
            loud,
            quiet,
        ):
            await here.open(path)
            await page.get_by_role("heading", level=1).wait_for()
            if role == "engineer":
                await unfold(here, path)
            if path in (loud, quiet):
                await expect(page.locator(".verdict")).to_be_visible()
                await page.locator(".chart canvas").wait_for()
            assert await faults(here) == [], path
