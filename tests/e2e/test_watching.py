"""The service page says what the rules know: to engineers in detail, to managers in a sentence."""

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
async def test_what_is_watched_and_why_nothing_fires(
    product: Product, browser: Browser, engineer: Client, who: str
) -> None:
    service = f"watched-{uuid4().hex[:8]}"
    await seed.minutes(engineer, service, "latency_ms", {at: 20.0 + at % 3 for at in range(40)})
    await seed.minutes(engineer, service, "cpu", {at: 20.0 for at in range(5)})
    async with visit(browser, product.stack) as here:
        await here.sign_in(who)
        await here.open(f"/services/{service}")
        section = here.page.get_by_role("region", name="What watches it")
        await expect(section.get_by_role("status")).to_have_text(
            re.compile("^2 measurements watched, 1 still being learned.$"), timeout=40_000
        )
        details = section.locator("details")
        if who == "manager":
            await expect(details).to_be_hidden()
            return
        await details.locator("summary").click()
        rows = section.locator("li")
        await expect(rows).to_have_count(2)
        await expect(rows.nth(0)).to_contain_text(re.compile(r"learning \d of 10"))
        await expect(rows.nth(1)).to_contain_text("ensemble")
        await expect(rows.nth(1)).to_contain_text("told from")
