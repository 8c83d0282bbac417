"""One browser, and the whole product with a language model of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.client import Client
from tests.e2e.browser import chromium, chromium_path
from tests.product import Product

__all__ = ["Product"]


@pytest.fixture(scope="session", autouse=True)
def browser_is_there() -> None:
    """Skips before anything is started where there is none."""
    chromium_path()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One browser for all tests; each visit has a profile of its own."""
    async with chromium() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def engineer(product: Product) -> AsyncIterator[Client]:
    """An ENGINEER who calls the product's workers without a browser."""
    async with Client.signed_in(product.stack, "engineer") as client:
        yield client
