"""What is around the pages: first paint, keyboard, titles, sign-in, long names, empty states."""

from __future__ import annotations

import asyncio
import re
import time
from uuid import uuid4

from playwright.async_api import Browser, Route, expect

from tests.client import Client
from tests.e2e import seed
from tests.e2e.browser import IN_BROWSER, visit
from tests.e2e.conftest import Product

pytestmark = IN_BROWSER
#: What is wider than the window, if the page can be scrolled sideways.
_WIDE = """
() => {
  const { scrollWidth, clientWidth } = document.documentElement;
  const wide = [...document.querySelectorAll("body *")].filter(
    (node) => node.getBoundingClientRect().right > clientWidth);
  return scrollWidth > clientWidth ? wide.map((node) => node.outerHTML.slice(0, 120)) : [];
}
"""
#: Whether any text of an element is drawn outside of the nearest card, row or page.
_SPILLS = """
() => [...document.querySelectorAll("main *")].filter((node) => {
  const around = node.closest(".card, .incident-row, main").getBoundingClientRect();
  const box = node.getBoundingClientRect();
  return box.width && !node.closest("svg, .scroll-x, option")
    && (box.right > around.right + 1 || box.left < around.left - 1);
}).map((node) => node.outerHTML.slice(0, 120))
"""


async def test_the_page_is_not_white_while_its_modules_load(
    product: Product, browser: Browser
) -> None:
    stack = product.stack
    may_go = asyncio.Event()

    async def late(route: Route) -> None:
        await may_go.wait()
        await route.continue_()

    async with visit(browser, stack) as here:
        page = here.page
        await page.route("**/js/main.js", late)
        await page.goto(stack.url("auth") + "/", wait_until="commit")
        await expect(page.locator(".brand")).to_be_visible()
        await expect(page.get_by_text("Loading the dashboard")).to_be_visible()
        may_go.set()
        await page.get_by_role("button", name="Sign in").wait_for()
        await page.unroute_all()
        # Everything was asked for from the page itself, nothing one after the other.
        named = set(re.findall(r"js/(\w+)\.js", await (await page.request.get(page.url)).text()))
        loaded = {match[1] for url in here.asked if (match := re.search(r"/js/(\w+)\.js", url))}
        assert loaded <= named


async def test_a_throttled_sign_in_says_for_how_long(product: Product, browser: Browser) -> None:
    async with visit(browser, product.stack, expected=("401", "429")) as here:
        page = here.page
        await page.clock.install()
        await page.goto(product.stack.url("auth") + "/")
        await page.get_by_label("Name").fill(f"nobody-{uuid4().hex[:8]}")
        button = page.get_by_role("button", name="Sign in")
        alert = page.get_by_role("alert")
        for _ in range(6):
            await page.get_by_label("Password").fill("wrong")
            async with page.expect_response("**/api/auth/login") as answer:
                await button.click()
            if (await answer.value).status == 429:
                break
        await expect(alert).to_have_text(re.compile(r"Try again in \d+s\."))
        await expect(button).to_be_disabled()
        await page.clock.fast_forward(61_000)
        await expect(alert).to_have_text("You can try again now.")
        await expect(button).to_be_enabled()


async def test_the_keyboard_reaches_the_content_and_the_focus_is_seen(
    product: Product, browser: Browser
) -> None:
    async with visit(browser, product.stack) as here:
        page = here.page
        await here.sign_in("engineer")
        await here.open("/incidents")
        await page.get_by_role("heading", name="Incidents").wait_for()
        await page.reload()
        await page.get_by_role("heading", name="Incidents").wait_for()
        await page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to content")
        await expect(skip).to_be_focused()
        await expect(skip).to_be_in_viewport()
        await page.keyboard.press("Enter")
        main = page.locator("main")
        await expect(main).to_be_focused()
        assert "incidents" in page.url  # still the same page, also after a reload
        outline = "getComputedStyle(document.querySelector('main')).outlineStyle"
        assert await page.evaluate(outline) == "solid"
        await page.reload()
        await page.get_by_role("heading", name="Incidents").wait_for()


async def test_every_page_has_a_title_and_a_designed_state_for_nothing(
    product: Product, browser: Browser, engineer: Client
) -> None:
    stack, service = product.stack, f"known-{uuid4().hex[:8]}"
    await seed.minutes(engineer, service, "latency_ms", {0: 1.0})
    async with visit(browser, stack, expected=("404", "422")) as here:
        page = here.page
        await here.sign_in("manager")
        for path, title, words in (
            ("/services", "Services", ""),
            (f"/services/{service}", service, ""),
            ("/services/Nobody", "Nobody", "No service of this name has reported within a day."),
            ("/services/a b", "a b", "No service of this name has reported within a day."),
            ("/incidents?q=%00x", "Incidents", ""),
            (f"/incidents/{uuid4()}", "No such incident", "There is no incident with this id."),
            ("/elsewhere", "No such page", "There is no such page"),
        ):
            await here.open(path)
            await expect(page).to_have_title(re.compile(rf"^(\(\d+\) )?{title} · LiveOps AI$"))
            if words:
                await expect(page.get_by_text(words)).to_be_visible()
        await here.open("/services")
        await page.get_by_label("Filter services").fill("no such name")
        await expect(page.get_by_text("No service has “no such name”")).to_be_visible()
        await page.get_by_role("button", name="Show all").click()
        await expect(page.locator(".service", has_text=service)).to_have_count(1)


async def test_long_names_stay_in_their_place(
    product: Product, browser: Browser, engineer: Client
) -> None:
    stack = product.stack
    service = ("Long" * 31)[:111] + uuid4().hex[:12]  # 123 characters
    metric = "m" * 120 + "_ms"
    await seed.minutes(engineer, service, metric, {n: 5.0 for n in range(1, 5)})
    now_s = time.time()
    incident_id = await seed.incident(
        stack,
        service,
        title=f"{service}: {metric} 143.6 breaks its limit 100",
        detections=[seed.detection(service, metric_type=metric), seed.silence(service, now_s - 99)],
    )
    for width in (1440, 390):
        async with visit(browser, stack, width=width, height=900) as here:
            page = here.page
            await here.sign_in("engineer")
            for path in (
                "/services",
                f"/services/{service}",
                "/incidents",
                f"/incidents/{incident_id}",
            ):
                await here.open(path)
                await page.get_by_text(service[:20]).first.wait_for()
                if "/services/" in path:
                    await page.locator(".figures dd").first.wait_for()
                if "/incidents/" in path:
                    await page.locator(".chart canvas").wait_for()
                assert await page.evaluate(_SPILLS) == [], (path, width)
                assert await page.evaluate(_WIDE) == [], (path, width)
