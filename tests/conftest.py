"""Fixtures of the whole suite: the real servers and the whole product on them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.client import Client
from tests.stack import TestStack, servers, stack

__all__ = ["servers", "stack"]


@pytest.fixture
async def engineer(stack: TestStack) -> AsyncIterator[Client]:
    """A signed-in ENGINEER."""
    async with Client.signed_in(stack, "engineer") as client:
        yield client


@pytest.fixture
async def manager(stack: TestStack) -> AsyncIterator[Client]:
    """A signed-in MANAGER."""
    async with Client.signed_in(stack, "manager") as client:
        yield client
