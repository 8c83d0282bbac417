"""Debian's Chromium under Playwright, and what a page must not do: complain."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.async_api import (
    Browser,
    ConsoleMessage,
    Page,
    Request,
    WebSocket,
    async_playwright,
    expect,
)

from tests.client import eventually
from tests.stack import TestStack

_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
#: Chromium logs every 404; this one means "no analysis was asked for yet".
_EXPECTED = ("/api/analysis/",)
#: Every test of these files shares one browser, and so one event loop.
IN_BROWSER = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]
LOOK_MS = 60_000.0


def chromium_path() -> str:
    """Chromium on PATH; skips the test where there is none."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        print("skipped: no Chromium on PATH (Debian: apt-get install chromium)")
        pytest.skip("no Chromium on PATH (Debian: apt-get install chromium)")
    return found


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A headless browser."""
    path = chromium_path()
    expect.set_options(timeout=LOOK_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            await browser.close()


@dataclass(slots=True)
class Visit:
    """One person's page, what its console complained of, and what its sockets brought."""

    stack: TestStack
    page: Page
    complaints: list[str] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)
    #: Addresses that were asked for.
    asked: list[str] = field(default_factory=list)
    #: Parts of complaints that belong to the test.
    expected: tuple[str, ...] = ()

    async def sign_in(self, name: str) -> None:
        """Through the form; returns when the services are shown."""
        await self.page.goto(self.stack.url("auth") + "/")
        await self.page.get_by_label("Name").fill(name)
        await self.page.get_by_label("Password").fill(self.stack.password(name))
        await self.page.get_by_role("button", name="Sign in").click()
        await self.page.get_by_role("heading", name="Services").wait_for()

    async def open(self, path: str) -> None:
        """Go to a page of the dashboard without loading it anew."""
        await self.page.evaluate("path => { location.hash = path }", path)

    async def is_live(self) -> None:
        """Wait for the WebSocket."""
        await self.page.locator('#link-state[data-state="live"]').wait_for()

    async def was_told(self, *parts: str) -> None:
        """Wait until a WebSocket has brought a piece of news that holds all these texts."""

        async def look() -> bool:
            news = (frame for frame in self.frames if '"type":"snapshot"' not in frame)
            return any(all(part in frame for part in parts) for frame in news)

        await eventually(look, f"news with {parts}", LOOK_MS / 1000)

    def follow(self, socket: WebSocket) -> None:
        """Keep what a WebSocket brings."""
        socket.on("framereceived", lambda frame: self.frames.append(str(frame)))

    def saw(self, request: Request) -> None:
        """Keep what was asked for."""
        self.asked.append(request.url)

    def heard(self, message: ConsoleMessage) -> None:
        """Keep errors and warnings of the console."""
        where = str(message.location.get("url", ""))
        is_expected = "404" in message.text and any(part in where for part in _EXPECTED)
        is_expected |= any(part in f"{message.text} {where}" for part in self.expected)
        if message.type in ("error", "warning") and not is_expected:
            self.complaints.append(f"{message.text} ({where})")


@asynccontextmanager
async def visit(
    browser: Browser,
    stack: TestStack,
    *,
    width: int = 1280,
    height: int = 860,
    expected: tuple[str, ...] = (),
    **options: Any,
) -> AsyncIterator[Visit]:
    """A fresh browser profile; at the end the console must have been silent.

    `expected`: parts of complaints that are no fault; `options` are Playwright's.
    """
    context = await browser.new_context(viewport={"width": width, "height": height}, **options)
    context.set_default_timeout(LOOK_MS)
    page = await context.new_page()
    seen = Visit(stack, page, expected=expected)
    page.on("request", lambda request: seen.saw(request))
    page.on("console", lambda message: seen.heard(message))
    page.on("websocket", lambda socket: seen.follow(socket))
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    try:
        yield seen
        assert seen.complaints == [], seen.complaints
    finally:
        await context.close()
