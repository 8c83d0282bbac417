"""Many incidents at once, silences, statistics, changes and verdicts, as both roles see them."""

from __future__ import annotations

import asyncio
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from playwright.async_api import Browser, Page, expect

from tests.client import Client, eventually
from tests.e2e import seed
from tests.e2e.browser import IN_BROWSER, visit
from tests.e2e.conftest import Product
from tests.e2e.drawing import READS, ink
from web.models.analysis import AnalysisStats

pytestmark = IN_BROWSER


def name(kind: str) -> str:
    return f"{kind}-{uuid4().hex[:8]}"


def a_month_ahead() -> str:
    """How a form writes that time, to the hour and in either of two neighbouring ones."""
    now = datetime.now(UTC) + timedelta(days=30)
    hours = (now - timedelta(hours=1), now)
    return "|".join(hour.strftime("%Y-%m-%dT%H:") for hour in hours)


async def changed(engineer: Client, ids: list[str], **wanted: Any) -> None:
    """Waits until the server has these values of all these incidents."""

    async def look() -> bool:
        found = [await engineer.get(f"/api/incidents/{one}") for one in ids]
        return all(one.items() >= wanted.items() for one in found)

    await eventually(look, f"{wanted} of {len(ids)} incidents")


async def test_an_engineer_changes_selected_incidents_together_and_a_manager_cannot(
    product: Product, browser: Browser, engineer: Client
) -> None:
    stack, service = product.stack, name("bulk")
    made = await seed.incidents(
        stack, [{"service_name": service, "title": f"{service} {n}"} for n in range(3)]
    )
    (over,) = await seed.incidents(
        stack, [{"service_name": service, "title": f"{service} over", "status": "resolved"}]
    )
    async with visit(browser, stack) as here:
        page = here.page
        await here.sign_in("engineer")
        await here.open(f"/incidents?status=all&service={service}")
        bar = page.get_by_role("region", name="Change the selected incidents")
        await expect(page.locator(".incident-row")).to_have_count(4)
        await expect(bar).to_be_hidden()
        for n in range(2):
            await page.get_by_label(f"Select {service} {n}").check()
        await expect(bar).to_contain_text("2 selected")
        await bar.get_by_label("Assignee").fill("ada")
        await bar.get_by_role("button", name="Assign").click()
        await expect(bar).to_be_hidden()
        await changed(engineer, made[:2], assignee="ada", status="open")

        # What cannot be changed stays selected, and is named with the reason.
        await page.get_by_label("Select all shown").check()
        await expect(bar).to_contain_text("4 selected")
        await bar.get_by_role("button", name="Acknowledge").click()
        await expect(bar.get_by_role("alert")).to_contain_text(f"{service} over: an incident")
        await expect(bar).to_contain_text("1 selected")
        await changed(engineer, made, status="acknowledged")
        await changed(engineer, [over], status="resolved", version=1)
        await bar.get_by_role("button", name="Clear selection").click()

        await page.get_by_label(f"Select {service} 2").check()
        await bar.get_by_label("Silence for").select_option("1 day")
        await bar.get_by_role("button", name="Silence").click()
        await expect(bar).to_be_hidden()
        silences = (await engineer.get("/api/silences?limit=500"))["items"]
        (silence,) = [one for one in silences if one["service"] == service]
        assert silence["reason"] == f"{service} 2"
    async with visit(browser, stack) as here:
        await here.sign_in("manager")
        await here.open(f"/incidents?status=all&service={service}")
        await expect(here.page.locator(".incident-row")).to_have_count(4)
        await expect(here.page.get_by_role("checkbox")).to_have_count(0)


async def test_a_silence_is_made_from_an_incident_tried_changed_and_ended(
    product: Product, browser: Browser, engineer: Client
) -> None:
    stack, service = product.stack, name("hush")
    detections = [seed.detection(service)]
    incident_id = await seed.incident(stack, service, detections=detections)
    async with visit(browser, stack, expected=READS) as here:
        page = here.page
        await here.sign_in("engineer")
        await here.open(f"/incidents/{incident_id}")
        await page.get_by_role("button", name="Silence", exact=True).click()
        box = page.locator(".silence-box")
        await expect(box).to_contain_text(f"{service}, metric latency_ms")
        await expect(box).to_contain_text("Would have muted 1 detection of 1 incident")
        await box.get_by_label("Reason").fill("we know")
        begun = f"Silence begun: {service}"
        await page.keyboard.press("Escape")  # makes room for the toast, which soon leaves
        async with asyncio.TaskGroup() as group:
            group.create_task(expect(page.locator(".toasts")).to_contain_text(begun))
            await box.get_by_role("button", name="Mute").click()
        await expect(box).to_be_hidden()
        await expect(page.locator(".timeline")).to_contain_text(f"Silenced: {service}")
        await expect(page.locator(".timeline")).to_contain_text(begun)

        await page.get_by_role("link", name="Silences").click()
        card = page.locator(".silences > li").filter(has_text=service)
        await expect(card).to_contain_text("Muted now, until")
        await expect(card).to_contain_text("we know · by engineer")
        await card.get_by_role("button", name="Change").click()
        form = page.get_by_role("form", name="Change the silence")
        await form.get_by_label("When").select_option("On days of the week")
        await expect(form.get_by_label("Ends for good")).to_have_value(re.compile(a_month_ahead()))
        await form.get_by_role("button", name="Save").click()
        await expect(form.get_by_role("alert")).to_contain_text("Choose the days.")
        await form.get_by_label("Sat").check()
        await form.get_by_label("Minutes each time").fill("30")
        await form.get_by_label("Time zone").fill("Europe/Berlin")
        await form.get_by_role("button", name="Save").click()
        await expect(card).to_contain_text("Every Saturday at")
        await expect(card).to_contain_text("for 30m 00s (Europe/Berlin)")
    silences = (await engineer.get("/api/silences?limit=500"))["items"]
    (silence,) = [one for one in silences if one["service"] == service]
    assert (silence["rrule"], silence["duration_s"]) == ("FREQ=WEEKLY;BYDAY=SA", 1800)
    async with visit(browser, stack) as here:
        await here.sign_in("manager")
        await here.open("/silences")
        card = here.page.locator(".silences > li").filter(has_text=service)
        await expect(card).to_contain_text("Every Saturday at")
        await expect(here.page.locator("main button")).to_have_count(0)
    async with visit(browser, stack) as here:
        await here.sign_in("engineer")
        await here.open("/silences")
        card = here.page.locator(".silences > li").filter(has_text=service)
        end = card.get_by_role("button", name="End")
        await end.click()
        await expect(end).to_have_text("Really?")
        await end.click()
        await expect(card).to_have_count(0)


async def test_statistics_are_counted_by_week_and_service_for_both_roles(
    product: Product, browser: Browser, engineer: Client
) -> None:
    stack, service = product.stack, name("stats")
    old_s = time.time() - 10 * 86_400
    (first, _) = await seed.incidents(
        stack,
        [{"service_name": service, "detected_at_s": old_s + n, "status": "resolved"}
         for n in range(2)],
    )  # fmt: skip
    path = f"/api/analysis/{first}/feedback"
    assert (await engineer.call("POST", path, json={"verdict": "not_an_incident"})).status == 201
    words = {"engineer": "Mean time to resolve", "manager": "Until it was over, on average"}
    for user, word in words.items():
        async with visit(browser, stack) as here:
            page = here.page
            await here.sign_in(user)
            await page.get_by_role("link", name="Statistics").click()
            await expect(page.locator(".figures")).to_contain_text(word)
            row = page.get_by_role("row").filter(has_text=service)
            await expect(row.get_by_role("cell")).to_have_text(["2", "–", "1m 00s", "100% of 1"])
            await page.get_by_role("button", name="7 d").click()
            await expect(row).to_have_count(0)
            await row_of_all(page)


async def test_statistics_show_how_right_analyses_were(
    product: Product, browser: Browser, engineer: Client
) -> None:
    service = name("judged")
    silence = seed.silence(service, time.time() - 300)
    incident_id = await seed.incident(product.stack, service, detections=[silence])
    body = {"incident_id": incident_id}
    assert (await engineer.call("POST", "/api/analysis/generate", json=body)).status == 202

    async def analysed() -> bool:
        return (await engineer.call("GET", f"/api/analysis/{incident_id}")).status == 200

    await eventually(analysed, "the analysis")
    path = f"/api/analysis/{incident_id}/feedback"
    assert (await engineer.call("POST", path, json={"verdict": "right"})).status == 201
    found = await engineer.get("/api/analysis/stats")
    AnalysisStats.model_validate(found)
    judged = max(found["sources"], key=lambda one: int(one["verdicts"]))
    async with visit(browser, product.stack) as here:
        page = here.page
        await here.sign_in("manager")
        await here.open("/statistics")
        titles = {"llm": "with a language model", "fallback": "from the evidence alone"}
        card = page.get_by_role("region", name=f"Written {titles[judged['source']]}")
        await expect(card.get_by_role("row")).to_have_count(1 + len(judged["curve"]))
        told = f"Of {judged['verdicts']} that people judged, {judged['right']} were right."
        await expect(page.locator("main")).to_contain_text(told)
        await expect(page.locator("main")).to_contain_text("is not calibrated yet")


async def row_of_all(page: Page) -> None:
    """The shown sum and the sum of the weeks are one number."""
    total = await page.locator(".figures dd").first.inner_text()
    rows = page.get_by_role("region", name="By week").locator("tbody tr td:first-of-type")
    assert sum(int(text) for text in await rows.all_inner_texts()) == int(total)


async def test_an_incident_has_changes_links_similar_ones_and_takes_a_verdict(
    product: Product, browser: Browser, engineer: Client
) -> None:
    stack, service = product.stack, name("changed")
    await seed.minutes(engineer, service, "latency_ms", {n: 50.0 for n in range(1, 30)})

    async def linked() -> bool:
        links = {"runbook": "https://wiki.example/{service}", "logs": "https://l.example/{metric}"}
        path = f"/api/services/{service}"
        return (await engineer.call("PATCH", path, json={"links": links})).status == 200

    await eventually(linked, "the service in the list")
    at = (datetime.now(UTC) - timedelta(minutes=10)).isoformat()
    body = {"service_name": service, "kind": "deploy", "title": "v42", "at": at,
            "url": "https://ci.example/42"}  # fmt: skip
    assert (await engineer.call("POST", "/api/events", json=body)).status == 201
    before = await seed.incident(
        stack, service, title="the same before", status="resolved",
        detected_at_s=time.time() - 86_400, detections=[seed.detection(service, state="resolved")],
    )  # fmt: skip
    await engineer.call("POST", f"/api/incidents/{before}/comments", json={"text": "restarted"})
    said = {"verdict": "right", "true_cause": "a leak"}
    await engineer.call("POST", f"/api/analysis/{before}/feedback", json=said)
    incident_id = await seed.incident(stack, service, detections=[seed.detection(service)])
    async with visit(browser, stack, expected=READS) as here:
        page = here.page
        await here.sign_in("engineer")
        await here.open(f"/services/{service}?range=1h")
        await expect(page.get_by_role("list", name="Changes")).to_contain_text("v42")

        async def drawn() -> bool:
            return await ink(page, 0.75, 0.9, "line-4") > 20

        await eventually(drawn, "the mark of the deploy")
        assert await ink(page, 0.0, 0.75, "line-4") == 0
    for user in ("manager", "engineer"):
        async with visit(browser, stack, expected=READS) as here:
            page = here.page
            await here.sign_in(user)
            await here.open(f"/incidents/{incident_id}")
            line = page.locator('.timeline > li[data-kind="event"]')
            await expect(line).to_contain_text(f"Deploy: {service}")
            await expect(line.get_by_role("link")).to_have_attribute("href", body["url"])
            await expect(page.get_by_role("list", name="Changes")).to_contain_text("v42")
            for label, href in {
                "Runbook": f"https://wiki.example/{service}", "Logs": "https://l.example/latency_ms",
            }.items():  # fmt: skip
                link = page.get_by_role("link", name=label)
                await expect(link).to_have_attribute("href", href)
            similar = page.get_by_role("region", name="Similar incidents before")
            await expect(similar).to_contain_text("the same before")
            await expect(similar).to_contain_text("Cause: a leak")
            await expect(similar).to_contain_text("Last comment: restarted")
            verdicts = page.get_by_role("region", name="Was this right?")
            await expect(verdicts).to_be_visible(visible=user == "engineer")
            if user == "engineer":
                await verdicts.get_by_role("button", name="Not an incident").click()
                await expect(verdicts).to_contain_text("also resolves the incident")
                await verdicts.get_by_label("Why").fill("a test")
                await verdicts.get_by_role("button", name="Send").click()
                timeline = page.locator(".timeline")
                await expect(timeline).to_contain_text("Feedback: not an incident")
                await expect(page.get_by_role("button", name="Reopen")).to_be_visible()
