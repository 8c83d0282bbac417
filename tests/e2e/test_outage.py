"""When a worker of LiveOps is away the page says which, how old its data is, and not "Live"."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from playwright.async_api import Browser, Route, expect

from liveops.embedded.part import end
from tests.client import Client
from tests.e2e import seed
from tests.e2e.browser import IN_BROWSER, visit
from tests.e2e.conftest import Product
from tests.stack import TestStack

pytestmark = IN_BROWSER
#: What Chromium says of a worker that is ending, and of a port where nobody listens.
_REFUSED = (
    "status of 503",
    "ERR_CONNECTION_REFUSED",
    "ERR_CONNECTION_RESET",
    "ERR_EMPTY_RESPONSE",
    "WebSocket connection to",
)


@asynccontextmanager
async def stopped(stack: TestStack, name: str) -> AsyncIterator[None]:
    """A worker is ended, and started again as the supervisor would."""
    supervisor = stack.supervisor
    running = supervisor._running[name]
    await end(running, supervisor.layout)
    try:
        yield
    finally:
        await supervisor._bring_up(running.part)


async def test_a_page_without_its_metrics_worker_says_so_and_comes_back(
    product: Product, browser: Browser, engineer: Client
) -> None:
    stack, service = product.stack, f"checkout-{uuid4().hex[:8]}"
    await seed.minutes(engineer, service, "latency_ms", {1: 20.0, 0: 21.0})
    async with visit(browser, stack, expected=_REFUSED) as here:
        page = here.page
        await page.clock.install()
        await here.sign_in("engineer")
        await here.open("/services")
        card = page.locator(".service", has_text=service)
        await card.wait_for()
        await here.is_live()
        outage = page.locator("#outage")
        await expect(outage).to_be_hidden()
        async with stopped(stack, "metrics"):
            await expect(page.locator("#link-state")).to_have_text("Not live")
            await expect(outage).to_contain_text("LiveOps metrics worker does not answer")
            began_s = time.monotonic()
            await page.clock.fast_forward(35_000)
            old = re.compile(r"figures are (3[5-9]|[45]\d)s old")
            await expect(outage).to_contain_text(old)
            assert time.monotonic() - began_s < 30  # by the page's clock, not by ours
            await expect(page.locator(".fresh")).to_have_text(re.compile(r"^(3[5-9]|[45]\d)s old"))
            await expect(card).to_contain_text("last known")
            await expect(card).not_to_contain_text("just now")
            # On the service's own page it is still LiveOps that is away, not the service.
            await here.open(f"/services/{service}")
            await expect(page.locator("#link-state")).to_have_text("Not live")
            await expect(outage).to_contain_text("LiveOps metrics worker does not answer")
            await expect(page.get_by_text("The service does not answer")).to_have_count(0)
            # A page that needs nothing from this worker is live.
            await here.open("/incidents")
            await expect(page.locator("#link-state")).to_have_text("Live")
            await expect(outage).to_be_hidden()
            await here.open(f"/services/{service}")
            await expect(outage).to_be_visible()
        await expect(page.locator("#link-state")).to_have_text("Live")
        await expect(outage).to_be_hidden()


async def test_live_needs_the_answers_of_a_hanging_worker_too(
    product: Product, browser: Browser
) -> None:
    """The sockets stay open, nothing is refused: answers merely stop to come."""
    stack = product.stack
    incident_id = await seed.incident(stack, f"s-{uuid4().hex[:8]}")
    async with visit(browser, stack) as here:
        page = here.page
        await page.clock.install()
        await here.sign_in("manager")
        await here.open(f"/incidents/{incident_id}")
        await here.is_live()

        async def hang(route: object) -> None:
            """No answer, no refusal."""

        await page.route(re.compile(r"/api/analysis/[^/]+$"), hang)
        await page.clock.fast_forward(40_000)
        state = page.locator("#link-state")
        await expect(state).to_have_text("Not live")
        await expect(page.locator("#outage")).to_contain_text(
            re.compile("LiveOps analysis worker does not answer: analyses are ")
        )
        await page.unroute_all(behavior="ignoreErrors")
        await expect(state).to_have_text("Live")


async def test_who_waits_for_a_new_token_waits_for_the_auth_worker(
    product: Product, browser: Browser
) -> None:
    may_go = asyncio.Event()

    async def late(route: Route) -> None:
        await may_go.wait()
        await route.continue_()

    async with visit(browser, product.stack) as here:
        page = here.page
        await page.clock.install()
        await here.sign_in("manager")
        await here.is_live()
        await page.route("**/api/auth/refresh", late)
        await page.clock.fast_forward(900_000)  # the access token's time is over
        await expect(page.locator("#link-state")).to_have_text("Not live")
        outage = page.locator("#outage")
        await expect(outage).to_contain_text(
            re.compile(r"LiveOps auth worker does not answer: \w+ are 15m old")
        )
        await expect(outage).not_to_contain_text(re.compile("LiveOps (incidents|metrics)"))
        may_go.set()
        await expect(page.locator("#link-state")).to_have_text("Live")
