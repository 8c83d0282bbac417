"""A background task that fails is started again, counted and shown; none dies unseen."""

from __future__ import annotations

import asyncio

import pytest
from tenacity import RetryCallState

from liveops.clock import FakeClock
from liveops.errors import SettingsError, Unavailable
from liveops.metrics.worker import BACKGROUND_RESTARTS
from liveops.runtime import retry
from liveops.runtime.background import WELL_AFTER_S, BackgroundTask
from liveops.runtime.retry import Hook


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_S", 0.0)


class Work:
    """Fails with each of `outcomes`, then runs until stopped."""

    def __init__(self, *outcomes: Exception, takes_s: float = 0.0) -> None:
        self.outcomes = list(outcomes)
        self.clock = FakeClock()
        self.takes_s = takes_s
        self.well = asyncio.Event()

    async def run(self) -> None:
        self.clock.advance(self.takes_s)
        if self.outcomes:
            raise self.outcomes.pop(0)
        self.well.set()
        await asyncio.Event().wait()


def restarts(name: str) -> float:
    count: float = BACKGROUND_RESTARTS.labels(name)._value.get()
    return count


@pytest.mark.parametrize(
    "error", [ValueError("x"), Unavailable("kafka"), SettingsError("x"), KeyError("x"), OSError()]
)
async def test_whatever_it_raises_a_task_is_started_again(error: Exception) -> None:
    work = Work(error, error)
    task, before = BackgroundTask(work.run, "some-work", work.clock), restarts("some-work")
    assert task.fault == ""
    await task.start()
    async with asyncio.timeout(5):
        await work.well.wait()
    assert restarts("some-work") - before == 2
    assert task.fault.startswith("some-work: ")
    work.clock.advance(WELL_AFTER_S)
    assert task.fault == ""
    await task.stop()


async def test_a_task_that_returns_is_done() -> None:
    ran = 0

    async def once() -> None:
        nonlocal ran
        ran += 1

    task = BackgroundTask(once, "once", FakeClock())
    await task.start()
    await asyncio.sleep(0)
    await task.stop()
    assert ran == 1


async def test_pauses_grow_and_begin_again_after_a_good_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attempts: list[int] = []
    error = Unavailable("kafka")
    for takes_s, expected in ((0.0, [1, 2, 3, 4]), (WELL_AFTER_S, [1, 1, 1, 1])):
        work = Work(error, error, error, error, takes_s=takes_s)
        task = BackgroundTask(work.run, "work", work.clock)
        note = task._note

        def noted(state: RetryCallState, note: Hook = note) -> None:
            note(state)
            attempts.append(state.attempt_number)

        monkeypatch.setattr(task, "_note", noted)
        attempts.clear()
        await task.start()
        async with asyncio.timeout(5):
            await work.well.wait()
        await task.stop()
        assert attempts == expected


async def test_trying_again_never_ends_by_itself() -> None:
    tries = 0
    async for attempt in retry.retrying("the broker", longest_s=0.0):
        with attempt:
            tries += 1
            if tries < 3000:  # pauses that double would have no number by now
                raise Unavailable("kafka")
    assert tries == 3000


async def test_what_cannot_pass_is_raised_at_once() -> None:
    async def fail() -> None:
        raise SettingsError("no such setting")

    with pytest.raises(SettingsError):
        await retry.retrying("the broker")(fail)
