"""Fixtures of the whole suite: the real servers and the whole product on them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.client import Client
from tests.fuzzing import FUZZ, fuzz_examples
from tests.product import product
from tests.stack import TestStack, servers, stack

__all__ = ["product", "servers", "stack"]

# How long an example takes says nothing on a shared machine.
settings.register_profile("liveops", deadline=None)
settings.register_profile("fuzz", deadline=None, max_examples=fuzz_examples(100))
settings.load_profile("fuzz" if FUZZ in os.environ else "liveops")

_ALLOWED = Path(__file__).with_name("allowed_skips.txt").read_text(encoding="utf-8").splitlines()
_refused: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note skips for reasons that continuous integration does not accept."""
    if report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if not any(reason.startswith(line) for line in _ALLOWED if line and line[0] != "#"):
            _refused.append(f"{report.nodeid}: {reason}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In continuous integration a skip fails the run unless its reason is listed."""
    if os.environ.get("CI") and _refused:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print("\nskips that are not in tests/allowed_skips.txt:", *_refused, sep="\n  ")


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
