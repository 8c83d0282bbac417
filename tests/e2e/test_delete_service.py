"""An engineer deletes a service that is silent; nobody else is offered to."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from playwright.async_api import Browser, expect

from tests.client import Client
from tests.e2e import seed
from tests.e2e.browser import IN_BROWSER, visit
from tests.e2e.conftest import Product

pytestmark = IN_BROWSER


@pytest.mark.parametrize("who", ["engineer", "manager"])
async def test_a_silent_service_is_deleted_by_engineers_only(
    product: Product, browser: Browser, engineer: Client, who: str
) -> None:
    service = f"gone/{uuid4().hex[:8]}"
    await seed.minutes(engineer, service, "latency_ms", {9: 20.0, 8: 21.0})
    async with visit(browser, product.stack) as here:
        await here.sign_in(who)
        await here.open(f"/services/{service.replace('/', '%2F')}")
        button = here.page.locator(".page-head button")
        await expect(
            here.page.get_by_text(re.compile("seen [78]m ago|seen 9m ago"))
        ).to_be_visible()
        if who == "manager":
            await expect(button).to_be_hidden()
            return
        await button.click()
        await expect(button).to_have_text("Really? History and incidents stay")
        await button.click()
        await expect(here.page.get_by_text(f"{service} is deleted.")).to_be_visible()
        await expect(here.page.get_by_role("heading", name="Services")).to_be_visible()
        await expect(here.page.locator(".service", has_text=service)).to_have_count(0)
