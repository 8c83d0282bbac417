"""From `POST /api/metrics` through stream, incident and model to the page in a browser."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from playwright.async_api import Browser, Locator, Page, expect
from playwright.async_api import TimeoutError as PlaywrightTimeout

from schema.times import format_time
from tests.client import Client, eventually
from tests.e2e.browser import IN_BROWSER, LOOK_MS, visit
from tests.e2e.conftest import Product

pytestmark = IN_BROWSER

_HISTORY_MIN = 20
_USUAL, _BREACH, _LIMIT = 100.0, 900.0, 500.0
#: Buttons only an engineer may see.
_CHANGES = re.compile(r"Acknowledge|Resolve|Reopen|Comment|Analyse")


@dataclass(frozen=True, slots=True)
class Story:
    """A service that calls another, which will break its limit; all names random."""

    front: str
    back: str
    metric: str

    def sample(self, service: str, value: float, at_s: float) -> dict[str, Any]:
        return {
            "service_name": service,
            "metric_type": self.metric,
            "value": value,
            "timestamp": format_time(at_s),
        }


async def told(engineer: Client) -> Story:
    """Topology, a rule, and quiet minutes of both services."""
    tail = uuid4().hex[:8]
    story = Story(f"front-{tail}", f"back-{tail}", f"m_{uuid4().hex[:6]}")
    edges = {"edges": [{"from": story.front, "to": story.back}]}
    assert (await engineer.call("PUT", "/api/topology", json=edges)).status == 200
    rule = {
        "name": f"limit of {story.back}",
        "kind": "threshold",
        "service": story.back,
        "metric": story.metric,
        "field": "max",
        "op": ">",
        "value": _LIMIT,
        "severity": "critical",
    }
    assert (await engineer.call("POST", "/api/rules", json=rule)).status == 201
    now_s = time.time()
    await engineer.send(
        *(
            story.sample(name, _USUAL + minute % 3, now_s - 60 * (_HISTORY_MIN - minute))
            for minute in range(_HISTORY_MIN)
            for name in (story.front, story.back)
        )
    )
    return story


async def breach_until_shown(engineer: Client, story: Story, row: Locator) -> None:
    """Send breaching values: a new rule may take two seconds to reach the detectors."""

    async def look() -> bool:
        await engineer.send(story.sample(story.back, _BREACH, time.time()))
        try:
            await row.wait_for(timeout=3000)
        except PlaywrightTimeout:
            return False
        return True

    await eventually(look, "the incident on the page", LOOK_MS / 1000)


async def finished_analysis(engineer: Client, incident_id: str) -> dict[str, Any]:
    """The analysis once the model has answered."""

    async def look() -> dict[str, Any] | None:
        answer = await engineer.call("GET", f"/api/analysis/{incident_id}")
        return answer.body if answer.status == 200 else None

    return await eventually(look, "the analysis", LOOK_MS / 1000)


def read_aloud(text: str) -> re.Pattern[str]:
    """A text as the page shows it: `[E1]` is the button `E1`, times are the reader's, in UTC."""
    spoken = re.escape(re.sub(r"\[(E\d+)\]", r"\1", text))
    time_of_day = r"\d{4}\\-\d\d\\-\d\dT([\d:]{8})(?:\\\.\d+)?Z"
    # The day is named too if it is not today.
    return re.compile("^" + re.sub(time_of_day, r"(?:\\w+ \\d+, )?\1 UTC", spoken) + "$")


async def order_of(page: Page, *selectors: str) -> list[float]:
    """Vertical positions of elements."""
    boxes = [await page.locator(selector).bounding_box() for selector in selectors]
    return [box["y"] for box in boxes if box]


async def reads_the_analysis(page: Page, analysis: dict[str, Any]) -> None:
    """Cause, both summaries and the ranking are on the page, word for word."""
    await expect(page.locator("#root-cause")).to_have_text(read_aloud(analysis["root_cause"]))
    for name in ("technical", "executive"):
        shown = page.locator(f"#{name}-summary")
        await expect(shown).to_have_text(read_aloud(analysis[f"{name}_summary"]))
    await expect(page.locator(".verdict .cause")).to_have_text(analysis["root_cause_service"])
    await expect(page.locator(".ranking > li")).to_have_count(min(10, len(analysis["ranking"])))
    await expect(page.locator(".verdict")).to_contain_text(analysis["confidence_text"])
    await expect(page.locator("#llm-budget")).to_contain_text("model budget left")
    await expect(page.locator(".evidence > li")).to_have_count(len(analysis["evidence"]))


async def test_a_breaching_metric_becomes_an_explained_incident_on_the_page(
    product: Product, browser: Browser
) -> None:
    stack = product.stack
    async with (
        Client.signed_in(stack, "engineer") as engineer,
        visit(browser, stack) as here,
        visit(browser, stack) as chief,
    ):
        story = await told(engineer)
        page = here.page
        await here.sign_in("engineer")
        await here.open("/incidents")
        await here.is_live()
        await page.evaluate("window.sameDocument = true")
        row = page.locator(".incident-row", has_text=story.back)
        await expect(row).to_have_count(0)

        await breach_until_shown(engineer, story, row.first)
        await here.was_told('"detections"', story.back)
        assert await page.evaluate("window.sameDocument") is True
        await row.first.click()
        incident_id = page.url.rpartition("/")[2]
        analysis = await finished_analysis(engineer, incident_id)
        assert analysis["source"] == "llm", analysis
        assert analysis["root_cause_service"] == story.back
        assert product.llm.refusals == []
        await here.was_told('"status":"completed"', incident_id)
        await reads_the_analysis(page, analysis)
        technical, executive = await order_of(page, "#technical-summary", "#executive-summary")
        assert technical < executive
        await expect(page.locator(".detections")).to_contain_text(story.metric)
        await expect(page.locator(".topology .box")).to_have_count(2)

        await chief.sign_in("manager")
        await chief.open(f"/incidents/{incident_id}")
        await reads_the_analysis(chief.page, analysis)
        executive, technical = await order_of(
            chief.page, "#executive-summary", "#technical-summary"
        )
        assert executive < technical
        await expect(chief.page.get_by_role("button", name=_CHANGES)).to_have_count(0)

        await page.get_by_role("button", name="Acknowledge").click()
        await expect(chief.page.locator(".badges .status")).to_have_text("Acknowledged")
        await page.get_by_label("Comment").fill("<b>looking</b>")
        await page.get_by_role("button", name="Comment").click()
        await expect(page.locator(".timeline")).to_contain_text("<b>looking</b>")
        await page.get_by_role("button", name="Resolve").click()
        await expect(page.locator(".badges .status")).to_have_text("Resolved")
        found = await engineer.get(f"/api/incidents/{incident_id}")
        assert found["status"] == "resolved"


async def test_a_live_chart_draws_values_as_they_arrive(product: Product, browser: Browser) -> None:
    stack = product.stack
    async with (
        Client.signed_in(stack, "engineer") as engineer,
        visit(browser, stack) as here,
    ):
        story = Story("", f"live-{uuid4().hex[:8]}", f"m_{uuid4().hex[:6]}")
        await engineer.send(story.sample(story.back, 41.0, time.time()))
        await here.sign_in("engineer")
        await here.page.get_by_role("link", name=story.back).click()
        await here.is_live()
        await expect(here.page.get_by_role("combobox", name="Metric")).to_have_value(story.metric)
        await here.page.locator(".chart canvas").wait_for()
        chart = here.page.locator(".chart")
        await expect(chart).to_have_attribute("aria-label", re.compile(r": 41$"))
        await engineer.send(story.sample(story.back, 77.25, time.time()))
        await here.was_told(story.metric, "77.25")
        await expect(chart).to_have_attribute("aria-label", re.compile(r": 77\.25$"))
        await expect(here.page.locator(".figures")).to_contain_text("77.25")


async def test_hostile_text_stays_text_and_a_phone_shows_all_of_it(
    product: Product, browser: Browser
) -> None:
    stack = product.stack
    title = f'<img src=x onerror="window.hacked=1"> {uuid4().hex}'
    body = {
        "title": title,
        "severity": "low",
        "service_name": f"s-{uuid4().hex[:8]}",
        "description": "<script>window.hacked=1</script>" + "long" * 100,
    }
    async with (
        Client.signed_in(stack, "engineer") as engineer,
        visit(browser, stack, width=360, height=740) as here,
    ):
        made = await engineer.call("POST", "/api/incidents", json=body)
        assert made.status == 201
        await here.sign_in("engineer")
        for path in ("/services", "/incidents", f"/incidents/{made.body['id']}"):
            await here.open(path)
            await here.page.get_by_role("heading", level=1).wait_for()
            wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert await here.page.evaluate(wide) == 0, path
        await expect(here.page.get_by_role("heading", level=1)).to_have_text(title)
        assert await here.page.evaluate("window.hacked") is None


async def test_a_session_outlives_a_reload_and_ends_with_sign_out(
    product: Product, browser: Browser
) -> None:
    async with visit(browser, product.stack) as here:
        await here.sign_in("manager")
        await here.page.reload()
        await here.page.get_by_role("heading", name="Services").wait_for()
        await here.page.get_by_role("button", name="Sign out").click()
        await here.page.get_by_role("button", name="Sign in").wait_for()
        await here.page.reload()
        await here.page.get_by_role("button", name="Sign in").wait_for()
