"""Charts and sparklines show what was measured, and nothing where nothing was."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from playwright.async_api import Browser, Page, expect

from tests.client import Client, eventually
from tests.e2e import seed
from tests.e2e.browser import IN_BROWSER, visit
from tests.e2e.conftest import Product
from tests.e2e.drawing import READS, ink, shade

pytestmark = IN_BROWSER
_HOUR_MIN = 60


async def drawn(page: Page, words: str) -> None:
    """Wait until the chart says that it shows this."""
    await expect(page.locator(".chart")).to_have_attribute("aria-label", re.compile(words))


def at(minutes_ago: float) -> float:
    """Place of a time on the axis of the last hour."""
    return 1 - minutes_ago / _HOUR_MIN


async def test_an_outage_is_a_hole_that_is_shaded_and_leads_to_its_incident(
    product: Product, browser: Browser, engineer: Client
) -> None:
    stack, service = product.stack, f"holed-{uuid4().hex[:8]}"
    before = {minute: 100.0 + minute for minute in range(40, 56)}
    after = {minute: 100.0 + minute for minute in range(2, 20)}
    await seed.minutes(engineer, service, "latency_ms", before | after)
    fell_s = time.time() - 40 * 60
    silence = seed.silence(service, fell_s, state="resolved", at_s=time.time() - 17 * 60)
    title = f"{service}: no data"
    incident_id = await seed.incident(stack, service, title=title, detections=[silence])
    async with visit(browser, stack, expected=READS) as here:
        page = here.page
        await here.sign_in("engineer")
        await here.open(f"/services/{service}?metric=latency_ms&range=1h")
        await drawn(page, "mean: 102 ms")
        link = page.locator(".outages").get_by_role("link", name=title)
        await expect(link).to_be_visible()

        async def settled() -> bool:
            return await ink(page, at(55), at(41)) > 0 and await shade(page, at(35), at(25)) > 0.9

        await eventually(settled, "the line and the shade")
        assert await ink(page, at(36), at(22)) == 0  # no line over the hole
        assert await ink(page, at(18), at(3)) > 0
        assert await shade(page, at(18), at(3)) < 0.9
        # The alarm about all metrics is marked in the chart of this one.
        assert await ink(page, at(41), at(39), "critical") > 0
        await link.click()
        await expect(page).to_have_url(re.compile(incident_id))


async def test_a_counter_is_drawn_by_what_it_grows_a_second(
    product: Product, browser: Browser, engineer: Client
) -> None:
    service = f"counted-{uuid4().hex[:8]}"
    values = {minute: 1e6 - 120.0 * minute for minute in range(2, 50)}
    await seed.minutes(engineer, service, "requests_total", values, kind="counter")
    async with visit(browser, product.stack, expected=READS) as here:
        page = here.page
        await here.sign_in("engineer")
        await here.open(f"/services/{service}?metric=requests_total&range=1h")
        await drawn(page, "rate: 2/s")
        await expect(page.locator(".figures-card")).to_contain_text("per second")
        await expect(page.locator(".stack")).to_contain_text(["Increase a second"])


async def test_a_sparkline_has_the_hole_too_and_a_value_alone_is_a_dot(
    product: Product, browser: Browser, engineer: Client
) -> None:
    stack, tail = product.stack, uuid4().hex[:8]
    holed, alone = f"holed-{tail}", f"alone-{tail}"
    values = {minute: 50.0 + minute for minute in (*range(2, 9), *range(18, 28))}
    await seed.minutes(engineer, holed, "latency_ms", values)
    await seed.minutes(engineer, alone, "latency_ms", {1: 41.5})
    async with visit(browser, stack, expected=READS) as here:
        page = here.page
        await here.sign_in("engineer")
        await page.get_by_label("Filter services").fill(tail)
        lines = page.locator(".service", has_text=holed).locator(".spark-line")
        await expect(lines).to_have_count(2)
        dot = page.locator(".service", has_text=alone).locator(".spark-dot")
        await expect(dot).to_have_count(1)
        await here.open(f"/services/{alone}?metric=latency_ms")
        await drawn(page, "latency_ms: 41.5 ms")

        async def dotted() -> bool:
            return await ink(page, 0, 1) > 4

        await eventually(dotted, "the dot")


async def test_noise_does_not_fill_a_sparkline_and_all_come_with_one_request(
    product: Product, browser: Browser, engineer: Client
) -> None:
    stack, tail = product.stack, uuid4().hex[:8]
    names = [f"calm-{tail}-{n}" for n in range(6)]
    for name in names:
        noise = {minute: 1000.0 + (minute * 7) % 20 for minute in range(2, 28)}
        await seed.minutes(engineer, name, "memory_mb", noise)

    async with visit(browser, stack, height=1400) as here:
        page = here.page
        await here.sign_in("engineer")
        await page.get_by_label("Filter services").fill(tail)
        cards = page.locator(".service")
        await expect(cards).to_have_count(6)
        await expect(cards.locator(".spark-line")).to_have_count(6)
        value = cards.first.locator(".value")
        await expect(value).to_have_text(re.compile(r"^1\.0\d* GB|^1\d{3} MB|^9\d\d(\.\d)? MB"))
        path = await cards.first.locator(".spark-line").get_attribute("d") or ""
        heights = [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", path)]
        assert max(heights) - min(heights) < 36 / 4  # 2 per cent of noise on 36 units
        here.asked.clear()
        # The next round, after ten seconds, asks for all of them at once.
        await page.wait_for_event("request", lambda one: "/api/metrics/aggregated" in one.url)
        asked = [url for url in here.asked if "/api/metrics/aggregated" in url]
        assert len(asked) == 1
        query = parse_qs(urlsplit(asked[0]).query)
        assert sorted(query["service"]) == names
        assert query["fields"] == ["mean,count"]


async def test_the_live_chart_holds_the_minutes_it_claims(
    product: Product, browser: Browser, engineer: Client
) -> None:
    stack, service = product.stack, f"busy-{uuid4().hex[:8]}"
    now_s = time.time()
    # Two values a second of each metric: the newest 500 are two minutes of both, four of one.
    ages = [299 - half / 2 for half in range(598)]
    for begin in range(0, 598, 100):
        await engineer.send(
            *(
                {
                    "service_name": service,
                    "metric_type": metric,
                    "value": 10 + age % 5,
                    "timestamp": now_s - age,
                }
                for age in ages[begin : begin + 100]
                for metric in ("a_ms", "b")
            )
        )

    async def archived() -> bool:
        path = f"/api/metrics/raw?service={service}&metric=a_ms&limit=500"
        first = await engineer.get(path)
        if first["next_cursor"] is None:
            return False
        rest = await engineer.get(f"{path}&cursor={first['next_cursor']}")
        return len(first["items"]) + len(rest["items"]) == len(ages)

    await eventually(archived, "the archive of all values")
    async with visit(browser, stack, expected=READS) as here:
        await here.sign_in("engineer")
        await here.open(f"/services/{service}?metric=a_ms")
        await expect(here.page.get_by_text("Raw values, last 5m")).to_be_visible()

        async def whole() -> bool:
            return await ink(here.page, 0.02, 0.12) > 0

        await eventually(whole, "the line of the first minutes")


async def test_the_live_chart_has_a_hole_where_values_stayed_out(
    product: Product, browser: Browser, engineer: Client
) -> None:
    stack, service = product.stack, f"gappy-{uuid4().hex[:8]}"
    now_s = time.time()
    named = {"service_name": service, "metric_type": "latency_ms"}
    ages = [age for age in range(2, 290, 4) if not 100 < age < 200]
    await engineer.send(
        *(named | {"value": 50 + age % 7, "timestamp": now_s - age} for age in reversed(ages))
    )
    async with visit(browser, stack, expected=READS) as here:
        await here.sign_in("engineer")
        await here.open(f"/services/{service}?metric=latency_ms")
        await drawn(here.page, "latency_ms: ")

        async def broken() -> bool:
            first, last = await ink(here.page, 0.1, 0.3), await ink(here.page, 0.75, 0.85)
            return first > 0 and last > 0 and await ink(here.page, 0.4, 0.6) == 0

        await eventually(broken, "two lines with a hole between")


async def test_figures_name_their_tags_and_let_one_choose(
    product: Product, browser: Browser, engineer: Client
) -> None:
    stack, service = product.stack, f"tagged-{uuid4().hex[:8]}"
    await seed.minutes(engineer, service, "latency_ms", {1: 20.0}, tags={"host": "a"})
    await seed.minutes(engineer, service, "latency_ms", {1: 90.0}, tags={"host": "b"})
    async with visit(browser, stack, expected=READS) as here:
        page = here.page
        await here.sign_in("engineer")
        await here.open(f"/services/{service}?metric=latency_ms")
        choice = page.get_by_role("combobox", name="Tags")
        await expect(choice.locator("option")).to_have_text(["host=a", "host=b"])
        mean = page.locator(".figures div", has_text="mean").locator("dd")
        await expect(mean).to_have_text("20 ms")
        await choice.select_option("host=b")
        await expect(mean).to_have_text("90 ms")
        rate = page.locator(".figures div", has_text="rate").locator("dd")
        await expect(rate).to_have_text(re.compile(r"/s$"))


async def test_times_are_the_readers_and_midnight_is_a_date(
    product: Product, browser: Browser, engineer: Client
) -> None:
    stack, service = product.stack, f"night-{uuid4().hex[:8]}"
    now = datetime.now(UTC)
    # A zone in which it is between 02:00 and 04:00 now: the last 24 hours hold a midnight.
    ahead = (3 - now.hour) % 24
    zone = f"Etc/GMT-{ahead}" if ahead <= 14 else f"Etc/GMT+{24 - ahead}"
    await seed.minutes(engineer, service, "latency_ms", {1: 20.0, 600: 30.0})
    async with visit(browser, stack, timezone_id=zone, locale="en-GB") as here:
        page = here.page
        # Canvas text cannot be read back: note what is written.
        await page.add_init_script(
            "const write = CanvasRenderingContext2D.prototype.fillText; window.written = new Set();"
            "CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {"
            " window.written.add(String(text)); return write.call(this, text, ...rest); };"
        )
        await here.sign_in("engineer")
        await expect(page.locator("#zone")).to_contain_text(re.compile(r"Etc/GMT|UTC"))
        await here.open(f"/services/{service}?metric=latency_ms&range=24h")
        await drawn(page, "mean: 20 ms")
        written = set(await page.evaluate("[...window.written]"))
        assert any(re.fullmatch(r"\d{1,2} [A-Z][a-z]{2,3}", text) for text in written), written
        assert "00:00" not in written
        assert any(text.endswith(" ms") for text in written), written
