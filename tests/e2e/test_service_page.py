"""A service's page: its chart over months, and what people say of it."""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import numpy as np
from playwright.async_api import Browser, expect

from liveops.postgres.database import Database
from liveops.postgres.partitions import make_month
from liveops.postgres.rollups import upsert_rollups
from liveops.window_query.downsampling import by_time
from liveops.windows.block import Block
from liveops.windows.buckets import packs
from schema.times import format_time, to_datetime
from tests.client import Client
from tests.e2e import seed
from tests.e2e.browser import IN_BROWSER, visit
from tests.e2e.conftest import Product
from tests.e2e.drawing import READS, ink
from tests.stack import TestStack

pytestmark = IN_BROWSER
_DAY_S = 86_400


def _day(service: str, day_s: int, value: float) -> dict[str, Any]:
    block = Block()
    block.add(np.zeros(1, np.int64), np.array([value]), np.zeros(1))
    return {
        "service_name": service, "metric_type": "latency_ms", "tags": {}, "kind": "gauge",
        "start": format_time(day_s), "end": format_time(day_s + _DAY_S), "count": 1, "sum": value,
        "min": value, "max": value, "mean": value, "stddev": 0.0, "rate": 1 / _DAY_S,
        "final": True, "revision": 0, "increase": None,
        "sketch": packs(*block.buckets(), np.zeros(1, np.int64))[0],
    }  # fmt: skip


async def _store_days(stack: TestStack, service: str, days: range) -> None:
    """Daily rollups of so many days ago, as the archive would have made them."""
    today_s = int(time.time()) // _DAY_S * _DAY_S
    database = Database(stack.url("postgres"))
    made = [
        rollup
        for days_ago in days
        for rollup in by_time(
            [_day(service, today_s - days_ago * _DAY_S, 100.0 + days_ago)], _DAY_S, time.time()
        )
    ]
    try:
        async with database.transaction() as con:
            for days_ago in days:
                await make_month(con, to_datetime(today_s - days_ago * _DAY_S).date())
            await upsert_rollups(con, "1d", made)
    finally:
        await database.stop()


async def test_the_chart_reaches_back_a_year_in_few_points(
    product: Product, browser: Browser, engineer: Client
) -> None:
    stack, service = product.stack, f"aged-{uuid4().hex[:8]}"
    await seed.minutes(engineer, service, "latency_ms", {minute: 100.0 for minute in range(2, 9)})
    await _store_days(stack, service, range(60, 300))
    await seed.incident(
        stack, service, title="Long ago", status="resolved",
        detected_at_s=time.time() - 30 * _DAY_S,
        detections=[seed.detection(service, onset_s=time.time() - 30 * _DAY_S,
                                   at_s=time.time() - 30 * _DAY_S)],
    )  # fmt: skip
    async with visit(browser, stack, expected=READS) as here:
        page = here.page
        await here.sign_in("manager")
        await here.open(f"/services/{service}?metric=latency_ms&range=1h")
        await expect(page.locator(".stack")).to_contain_text(["Means of 1m windows, last 1 h"])
        await page.get_by_role("button", name="1 y").click()
        await expect(page.locator(".stack")).to_contain_text(["Means of 1d windows, last 1 y"])
        await expect(page).to_have_url(re.compile("range=1y"))
        assert await ink(page, 1 - 299 / 365, 1 - 61 / 365) > 0
        assert await ink(page, 1 - 55 / 365, 1 - 35 / 365) == 0
        assert await ink(page, 1 - 31 / 365, 1 - 29 / 365, "critical") > 0
        asked = [parse_qs(urlsplit(url).query) for url in here.asked if "aggregated" in url]
        of_chart = [one for one in asked if one["service"] == [service] and "fields" not in one]
        assert of_chart
        assert all("max_points" in one for one in of_chart)
        for name, window in (("7 d", "15m"), ("30 d", "1h"), ("24 h", "5m")):
            await page.get_by_role("button", name=name, exact=True).click()
            words = f"Means of {window} windows, last {name}"
            await expect(page.locator(".stack")).to_contain_text([words])


async def test_owner_and_links_are_shown_to_both_and_edited_by_engineers(
    product: Product, browser: Browser, engineer: Client
) -> None:
    service = f"own/{uuid4().hex[:8]}"
    await seed.minutes(engineer, service, "latency_ms", {minute: 20.0 for minute in range(2, 5)})
    path = f"/services/{service.replace('/', '%2F')}?metric=latency_ms&range=1h"
    async with visit(browser, product.stack) as here:
        page = here.page
        await here.sign_in("engineer")
        await here.open(path)
        about = page.get_by_role("region", name="About")
        await expect(about).to_contain_text("nobody said")
        await expect(about).to_contain_text("1 gauge; 1 series")
        await about.get_by_role("button", name="Edit").click()
        await about.get_by_label("Owner").fill("Payments")
        await about.get_by_label("Logs").fill("javascript:alert(1)")
        await about.get_by_role("button", name="Save").click()
        await expect(about.get_by_role("alert")).to_contain_text("Logs: give an http or https URL")
        await about.get_by_label("Logs").fill("https://logs.test/?q={service}&m={metric}")
        await about.get_by_label("Runbook").fill("https://wiki.test/runbook")
        await about.get_by_role("button", name="Save").click()
        await expect(about).to_contain_text("Payments")
        logs = about.get_by_role("link", name="Logs")
        href = f"https://logs.test/?q={service.replace('/', '%2F')}&m=latency_ms"
        await expect(logs).to_have_attribute("href", href)
        await expect(logs).to_have_attribute("rel", "noopener noreferrer")
        await about.get_by_role("button", name="Edit").click()
        await about.get_by_label("Runbook").fill("")
        await about.get_by_role("button", name="Save").click()
        await expect(about.get_by_role("link", name="Runbook")).to_have_count(0)
        await about.get_by_role("button", name="Edit").click()
        await about.get_by_label("What to do in trouble").fill("Breathe.\n`restart <b>it</b>`")
        await about.get_by_role("button", name="Save").click()
        await expect(about.locator("#runbook-text")).to_contain_text("`restart <b>it</b>`")
    async with visit(browser, product.stack) as here:
        await here.sign_in("manager")
        await here.open(path)
        about = here.page.get_by_role("region", name="About")
        await expect(about).to_contain_text("Payments")
        await expect(about).to_contain_text("Breathe.")
        await expect(about.get_by_role("link", name="Logs")).to_be_visible()
        await expect(about.get_by_role("button")).to_be_hidden()
