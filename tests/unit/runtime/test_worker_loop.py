"""Workers run on the faster event loop where there is one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator

import pytest

from liveops.cli.worker import use_uvloop


@pytest.fixture(autouse=True)
def policy_as_before() -> Iterator[None]:
    before = asyncio.get_event_loop_policy()
    yield
    asyncio.set_event_loop_policy(before)


def test_workers_run_on_uvloop() -> None:
    use_uvloop()
    loop = asyncio.new_event_loop()
    loop.close()
    assert type(loop).__module__ == "uvloop"


def test_without_it_the_usual_loop_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    before = asyncio.get_event_loop_policy()
    use_uvloop()
    assert asyncio.get_event_loop_policy() is before
