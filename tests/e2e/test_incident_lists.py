"""Badge, title, lists and the server say the same number of incidents."""

from __future__ import annotations

import re
import time
from typing import Any
from uuid import uuid4

from playwright.async_api import Browser, expect

from tests.client import Client
from tests.e2e import seed
from tests.e2e.browser import IN_BROWSER, Visit, visit
from tests.e2e.conftest import Product

pytestmark = IN_BROWSER
_UNRESOLVED = "/api/incidents/summary?status=open&status=acknowledged"


async def agrees(here: Visit, engineer: Client) -> int:
    """Badge and title show the server's number; returns it."""
    total: int = (await engineer.get(_UNRESOLVED))["total"]
    await expect(here.page.locator("#open-count")).to_have_text(str(total))
    await expect(here.page).to_have_title(re.compile(rf"^\({total}\) "))
    return total


def many(service: str, count: int, age_s: float, **more: Any) -> list[dict[str, Any]]:
    now_s = time.time()
    return [
        {"service_name": f"{service}-{n}", "detected_at_s": now_s - age_s - n} | more
        for n in range(count)
    ]


async def test_all_unresolved_incidents_are_counted_and_listed(
    product: Product, browser: Browser, engineer: Client
) -> None:
    stack, tail = product.stack, uuid4().hex[:8]
    # 64 that are over are newer than most of the 143 that are not.
    await seed.incidents(stack, many(f"over-{tail}", 64, 100, status="resolved"))
    open_ones = many(f"storm-{tail}", 143, 50, severity="critical")
    ids = await seed.incidents(stack, open_ones)
    async with visit(browser, stack) as here:
        await here.sign_in("engineer")
        await agrees(here, engineer)  # on a page that has not read them
        await here.open("/incidents")
        total = await agrees(here, engineer)
        assert total >= 143
        await expect(here.page.locator(".incident-row")).to_have_count(total)
        await expect(here.page.get_by_text(f"{total} active incidents:")).to_be_visible()

        # News moves all of them.
        path = f"/api/incidents/{ids[142]}"
        answer = await engineer.call("PATCH", path, json={"status": "resolved"})
        assert answer.status == 200
        await expect(here.page.locator("#open-count")).to_have_text(str(total - 1))
        await expect(here.page.locator(".incident-row")).to_have_count(total - 1)
        await expect(here.page.get_by_text(f"{total - 1} active incidents:")).to_be_visible()
        await agrees(here, engineer)

        # The severity and the text are asked of the server too.
        await here.page.get_by_label("Search incidents").fill(f"STORM-{tail}-14")
        await expect(here.page.locator(".incident-row")).to_have_count(3)  # 14, 140, 141
        await here.page.get_by_label("Severity").select_option("low")
        await expect(here.page.get_by_text("Nothing matches these filters.")).to_be_visible()
        await here.page.get_by_role("button", name="Clear filters").click()
        await expect(here.page.locator(".incident-row")).to_have_count(total - 1)


async def test_an_old_open_incident_is_found_and_stands_on_its_services_page(
    product: Product, browser: Browser, engineer: Client
) -> None:
    stack, tail = product.stack, uuid4().hex[:8]
    service = f"forgotten-{tail}"
    title = f"{service}: disk nearly full"
    await seed.incident(stack, service, title=title, detected_at_s=time.time() - 86_400)
    await seed.incidents(stack, many(f"newer-{tail}", 120, 10, status="resolved"))
    await engineer.send({"service_name": service, "metric_type": "disk_percent", "value": 97})
    async with visit(browser, stack) as here:
        await here.sign_in("manager")
        await here.open(f"/services/{service}")
        await expect(here.page.locator(".incident-row", has_text=title)).to_have_count(1)
        await expect(here.page.get_by_text("1 unresolved incident, 0 resolved")).to_be_visible()
        # One incident is one, though the service is both its own and an affected one.
        await here.open("/services")
        card = here.page.locator(".service", has_text=service)
        await expect(card.locator(".pill")).to_have_text("1 open")
        await expect(card.locator(".health")).to_have_text("High")
        await here.open("/incidents?status=all")
        await here.page.get_by_label("Search incidents").fill(f"{service}: DISK")
        await expect(here.page.locator(".incident-row")).to_have_count(1)
        await here.open(f"/incidents?status=all&service={service}")
        await expect(here.page.locator(".incident-row")).to_have_count(1)


async def test_a_storm_makes_three_toasts_and_a_number(
    product: Product, browser: Browser, engineer: Client
) -> None:
    tail = uuid4().hex[:8]
    async with visit(browser, product.stack, width=390, height=844) as here:
        await here.sign_in("engineer")
        await here.is_live()
        # Toasts leave by the page's clock, which stands still now.
        await here.page.clock.install()
        await here.page.clock.pause_at(time.time() + 60)
        for number in range(40):
            body = {"title": f"storm {tail} {number}", "severity": "high", "service_name": "a"}
            assert (await engineer.call("POST", "/api/incidents", json=body)).status == 201
        more = here.page.locator(".toast-more")
        await expect(more).to_have_text("37 more")
        toasts = here.page.locator(".toast")
        await expect(toasts).to_have_count(3)
        for box in [await toasts.nth(n).bounding_box() for n in range(3)]:
            assert box is not None
            assert box["y"] >= 0
            assert box["y"] + box["height"] <= 844
        await toasts.first.get_by_role("button", name="Dismiss").click()
        await expect(toasts).to_have_count(2)
        await here.page.keyboard.press("Escape")
        await expect(toasts).to_have_count(0)
        await expect(more).to_be_hidden()
