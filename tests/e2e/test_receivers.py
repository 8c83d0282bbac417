"""Receivers on the dashboard: added, tried, turned off and removed; deliveries on a timeline."""

from __future__ import annotations

import json
from uuid import uuid4

from playwright.async_api import Browser, expect

from tests.e2e import seed
from tests.e2e.browser import IN_BROWSER, visit
from tests.e2e.conftest import Product

pytestmark = IN_BROWSER
#: No such webhook answers here, wherever the test runs.
NOBODY = "https://nobody.invalid/hook"


async def test_an_engineer_adds_tries_turns_off_and_removes_a_receiver(
    product: Product, browser: Browser
) -> None:
    stack, name = product.stack, f"on call {uuid4().hex[:8]}"
    async with visit(browser, stack, expected=("/api/receivers",)) as here:
        page = here.page
        await here.sign_in("engineer")
        await page.get_by_role("link", name="Receivers").click()
        await page.get_by_label("Name").fill(name)
        await page.get_by_label("URL").fill("http://127.0.0.1/hook")
        await page.get_by_label("Secret").fill("hush")
        await page.get_by_label("low", exact=True).uncheck()
        silences = page.get_by_label("Also when silences begin and end")
        await page.get_by_label("Kind").select_option("pagerduty")
        await expect(silences).to_be_disabled()
        await page.get_by_label("Kind").select_option("webhook")
        await silences.check()
        await page.get_by_role("button", name="Add receiver").click()
        await expect(page.get_by_role("alert")).to_contain_text("not public")
        await page.get_by_label("URL").fill(NOBODY)
        await page.get_by_role("button", name="Add receiver").click()
        card = page.locator(".receivers > li").filter(has_text=name)
        await expect(card).to_contain_text("critical, high, medium")
        await expect(card).to_contain_text("silences too")
        await expect(card).to_contain_text("Not told yet")
        assert "hush" not in await page.content()
        await card.get_by_role("button", name="Send a test").click()
        await expect(card).to_contain_text("Failing")
        await card.get_by_role("button", name="Turn off").click()
        await expect(card.locator(".receiver-state")).to_have_text("Off")
        await card.get_by_role("button", name="Remove").click()
        await card.get_by_role("button", name="Remove").click()
        await expect(card).to_have_count(0)


async def test_both_roles_see_who_was_told_and_a_manager_no_receivers(
    product: Product, browser: Browser
) -> None:
    stack = product.stack
    incident_id = await seed.incident(stack, f"told-{uuid4().hex[:8]}")
    lines = (
        ("notified", {"receiver": "On call", "event": "opened", "attempts": 2}),
        ("notification_failed", {"receiver": "Chat", "event": "opened", "error": "answered 404"}),
    )
    async with seed.database(stack) as con:
        for kind, data in lines:
            query = (
                "INSERT INTO incident_events (incident_id, kind, actor, data) "
                "VALUES ($1, $2, 'notifier', $3)"
            )
            await con.execute(query, incident_id, kind, json.dumps(data))
    for user in ("engineer", "manager"):
        async with visit(browser, stack) as here:
            page = here.page
            await here.sign_in(user)
            await here.open(f"/incidents/{incident_id}")
            timeline = page.locator(".timeline")
            await expect(timeline).to_contain_text("On call was told: opened")
            await expect(timeline).to_contain_text("after 2 tries")
            await expect(timeline).to_contain_text("Chat could not be told: opened")
            await expect(timeline).to_contain_text("answered 404")
            link = page.get_by_role("link", name="Receivers")
            await expect(link).to_be_visible(visible=user == "engineer")
