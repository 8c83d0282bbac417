"""What an incident's page tells, and what its buttons do."""

from __future__ import annotations

import re
import time
from uuid import uuid4

from playwright.async_api import Browser, expect

from tests.client import Client, eventually
from tests.e2e import seed
from tests.e2e.browser import IN_BROWSER, visit
from tests.e2e.conftest import Product
from tests.e2e.drawing import READS, ink, shade

pytestmark = IN_BROWSER


async def test_a_no_data_incident_speaks_of_silence_and_asks_for_no_star(
    product: Product, browser: Browser, engineer: Client
) -> None:
    stack, service = product.stack, f"quiet-{uuid4().hex[:8]}"
    values = {minute: 100.0 + minute for minute in range(12, 30)}
    await seed.minutes(engineer, service, "latency_ms", values)
    silence = seed.silence(service, time.time() - 12 * 60, value=95.0)
    title = f"{service}: no data"
    incident_id = await seed.incident(stack, service, title=title, detections=[silence])
    async with visit(browser, stack, expected=READS) as here:
        page = here.page
        await here.sign_in("engineer")
        await here.open(f"/incidents/{incident_id}")
        await expect(page.locator(".chart")).to_have_attribute(
            "aria-label", re.compile("latency_ms mean: 112 ms")
        )

        async def shaded() -> bool:
            # Half an hour before it fell silent, and the twelve minutes since.
            return await ink(page, 0.3, 0.6) > 0 and await shade(page, 0.8, 0.95) > 0.9

        await eventually(shaded, "the shade of the silent minutes")
        row = page.locator(".detections li")
        await expect(row).to_contain_text("silent for 1m 35s")
        await expect(row).to_contain_text(f"{service} all metrics")
        assert "*" not in await page.locator("main").inner_text()
        assert not [url for url in here.asked if "metric=*" in url or "metric=%2A" in url]


async def test_detections_tell_what_is_now_and_since_when_with_units(
    product: Product, browser: Browser, engineer: Client
) -> None:
    stack, service = product.stack, f"grown-{uuid4().hex[:8]}"
    await seed.minutes(engineer, service, "latency_ms", {n: 70.0 + n for n in range(2, 9)})
    often = seed.detection(service, value=12.0, upper=10.0, reason="rate 12 breaks the rule > 10")
    grown = seed.detection(service, peak=330.0, tags={"host": "a"})
    big = seed.detection(service, metric_type="heap_bytes", value=6.045e8, upper=2.0e8)
    incident_id = await seed.incident(stack, service, detections=[often, grown, big])
    async with visit(browser, stack) as here:
        await here.sign_in("manager")
        await here.open(f"/incidents/{incident_id}")
        rows = here.page.locator(".detections li")
        # A rule on the rate judged no latency: neither row nor chart say milliseconds.
        await expect(rows.nth(0)).to_contain_text("12/s")
        await expect(rows.nth(0)).to_contain_text("limit 10/s")
        await expect(here.page.locator(".chart")).to_have_attribute(
            "aria-label", re.compile(r"latency_ms rate: [\d.]+/s, limit: 10/s$")
        )
        await expect(rows.nth(1)).to_contain_text("now 143.6 ms")
        await expect(rows.nth(1)).to_contain_text("peak 330 ms")
        await expect(rows.nth(1)).to_contain_text("limit 100 ms")
        await expect(rows.nth(1)).to_contain_text("since ")
        await expect(rows.nth(2)).to_contain_text("576.5 MB")


async def test_a_timeline_is_short_lines_with_the_old_automatic_ones_folded(
    product: Product, browser: Browser
) -> None:
    stack, service = product.stack, f"long-{uuid4().hex[:8]}"
    incident_id = await seed.incident(stack, service)
    text = "Most likely origin: " + "words " * 80
    joins = [
        ("updated", "correlator", {"affected_services": [_some(n), _some(n + 1)]})
        for n in range(60)
    ]
    told = [
        ("created", "correlator", {"title": "It began", "source": "detector"}),
        ("updated", "correlator", {"stale": [False, False]}),
        ("updated", "correlator", {"description": [text, text + "more"], "stale": [False, True]}),
        *joins,
        ("updated", "ada", {"severity": ["high", "low"]}),
        ("comment", "ada", {"text": "all is <i>well</i>"}),
    ]
    await seed.events(stack, incident_id, told)
    async with visit(browser, stack) as here:
        page = here.page
        await here.sign_in("manager")
        await here.open(f"/incidents/{incident_id}")
        timeline = page.locator(".timeline")
        await expect(timeline).to_contain_text("all is <i>well</i>")  # the newest are there
        await expect(timeline.locator("li[data-kind]")).to_have_count(1 + 4 + 2)
        await expect(timeline.get_by_text("s59 joined")).to_have_count(1)
        await expect(timeline).to_contain_text("Severity: high → low")
        await page.get_by_role("button", name="Show 57 more automatic changes").click()
        await expect(timeline.locator("li[data-kind]")).to_have_count(1 + 61 + 2)
        await expect(timeline).to_contain_text("No data any more")
        words = await timeline.inner_text()
        assert "Most likely origin" not in words
        assert "false" not in words
        assert "s0, s1" not in words


def _some(count: int) -> list[str]:
    return [f"s{n}" for n in range(count)]


async def test_enter_twice_acknowledges_and_does_not_resolve(
    product: Product, browser: Browser, engineer: Client
) -> None:
    stack = product.stack
    incident_id = await seed.incident(stack, f"s-{uuid4().hex[:8]}")
    async with visit(browser, stack) as here:
        page = here.page
        await here.sign_in("engineer")
        await here.open(f"/incidents/{incident_id}")
        await page.get_by_role("button", name="Acknowledge").focus()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Enter")
        await expect(page.locator(".badges .status")).to_have_text("Acknowledged")
        await page.keyboard.press("Enter")
        resolve = page.get_by_role("button", name="Resolve")
        await expect(resolve).to_be_disabled()  # for a moment
        await expect(resolve).to_be_enabled()
        await page.keyboard.press("Enter")
        path = f"/api/incidents/{incident_id}"
        assert (await engineer.get(path))["status"] == "acknowledged"
        await resolve.click()
        await expect(page.locator(".badges .status")).to_have_text("Resolved")
        assert (await engineer.get(path))["status"] == "resolved"


async def test_a_blank_comment_is_told_and_not_sent(product: Product, browser: Browser) -> None:
    incident_id = await seed.incident(product.stack, f"s-{uuid4().hex[:8]}")
    async with visit(browser, product.stack) as here:
        page = here.page
        await here.sign_in("engineer")
        await here.open(f"/incidents/{incident_id}")
        box = page.get_by_label("Comment")
        await box.fill("   ")
        await page.get_by_role("button", name="Comment").click()
        await expect(page.get_by_role("alert")).to_have_text(re.compile("write something first"))
        await expect(box).to_be_focused()
        assert not [url for url in here.asked if url.endswith("/comments")]
        await box.fill("On it.")
        await expect(page.get_by_role("alert")).to_have_count(0)
        await page.get_by_role("button", name="Comment").click()
        await expect(page.locator(".timeline")).to_contain_text("On it.")


async def test_the_end_of_a_session_keeps_the_draft_and_says_why(
    product: Product, browser: Browser, engineer: Client
) -> None:
    stack = product.stack
    incident_id = await seed.incident(stack, f"s-{uuid4().hex[:8]}")
    async with visit(browser, stack, expected=("status of 401", "WebSocket")) as here:
        page = here.page
        await here.sign_in("engineer")
        await here.open(f"/incidents/{incident_id}")
        await page.get_by_label("Comment").fill("half a thought")
        # Elsewhere this person ends all sessions of theirs.
        async with Client.signed_in(stack, "engineer") as elsewhere:
            assert (await elsewhere.call("POST", "/api/auth/logout")).status == 204
        token = await page.evaluate("sessionStorage.getItem('liveops.refresh')")
        assert token
        await page.route("**/api/incidents/**", lambda route: route.fulfill(status=401, body=""))
        await page.get_by_text("Your session has ended").wait_for()
        await expect(page.get_by_text("What you had written is kept.")).to_be_visible()
        await page.unroute_all()
        await page.get_by_label("Name").fill("engineer")
        await page.get_by_label("Password").fill(stack.password("engineer"))
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_label("Comment")).to_have_value("half a thought")
        # Signing out by oneself leaves nothing behind for whoever is next.
        await page.get_by_role("button", name="Sign out").click()
        await page.get_by_role("button", name="Sign in").wait_for()
        kept = await page.evaluate("Object.keys(sessionStorage)")
        assert kept == []


async def test_an_engineer_asks_and_saves_a_post_mortem(
    product: Product, browser: Browser, engineer: Client
) -> None:
    service = f"asked-{uuid4().hex[:8]}"
    incident_id = await seed.incident(product.stack, service)
    body = {"incident_id": incident_id}
    assert (await engineer.call("POST", "/api/analysis/generate", json=body)).status == 202

    async def analysed() -> bool:
        return (await engineer.call("GET", f"/api/analysis/{incident_id}")).status == 200

    await eventually(analysed, "the analysis")
    async with visit(browser, product.stack) as here:
        page = here.page
        await here.sign_in("engineer")
        await here.open(f"/incidents/{incident_id}")
        await page.get_by_label("Question").fill("What is wrong?")
        await page.get_by_role("button", name="Ask", exact=True).click()
        await expect(page.locator("#answer")).to_contain_text("evidence")
        async with page.expect_download() as saving:
            await page.get_by_role("button", name="Post-mortem draft").click()
        saved = await (await saving.value).path()
        assert "## Timeline" in saved.read_text(encoding="utf-8")
    async with visit(browser, product.stack) as here:
        await here.sign_in("manager")
        await here.open(f"/incidents/{incident_id}")
        await expect(here.page.locator(".verdict")).to_be_visible()
        await expect(here.page.get_by_label("Question")).to_have_count(0)


async def test_actions_tell_their_risk_in_the_words_of_who_reads_them(
    product: Product, browser: Browser, engineer: Client
) -> None:
    service = f"acted-{uuid4().hex[:8]}"
    incident_id = await seed.incident(
        product.stack, service, detections=[seed.silence(service, time.time() - 300)]
    )
    body = {"incident_id": incident_id}
    assert (await engineer.call("POST", "/api/analysis/generate", json=body)).status == 202

    async def analysed() -> bool:
        return (await engineer.call("GET", f"/api/analysis/{incident_id}")).status == 200

    await eventually(analysed, "the analysis")
    for name, words in (("engineer", "low risk · reversible"), ("manager", "a safe step; can be")):
        async with visit(browser, product.stack) as here:
            await here.sign_in(name)
            await here.open(f"/incidents/{incident_id}")
            await expect(here.page.locator("#actions li").first).to_contain_text(words)
            await expect(here.page.locator("#actions .cite").first).to_be_visible()
            # However many reasons there are, they stay within the card.
            fits = "it => it.scrollWidth <= it.clientWidth"
            assert await here.page.locator(".verdict").evaluate(fits)
