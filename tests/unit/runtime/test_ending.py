"""Tasks end although a cancellation was swallowed on its way."""

from __future__ import annotations

import asyncio

import pytest

from liveops.runtime import ending
from liveops.runtime.background import BackgroundTask
from liveops.runtime.ending import end


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "_AGAIN_AFTER_S", 0.01)


class Looping:
    """Loops for ever as workers do, and swallows the first `swallowed` cancellations."""

    def __init__(self, swallowed: int) -> None:
        self.swallowed = swallowed
        self.began = asyncio.Event()

    async def run(self) -> None:
        while True:
            self.began.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if self.swallowed == 0:
                    raise
                self.swallowed -= 1


@pytest.mark.parametrize("swallowed", [0, 1, 3])
async def test_a_background_task_stops(swallowed: int) -> None:
    work = Looping(swallowed)
    task = BackgroundTask(work.run, "some-work")
    await task.start()
    async with asyncio.timeout(5):
        await work.began.wait()
        await task.stop()
        await task.stop()  # once more does no harm


async def test_all_end_whatever_they_raise() -> None:
    async def fails() -> None:
        raise ValueError

    work = Looping(1)
    tasks = [asyncio.create_task(fails()), asyncio.create_task(work.run())]
    await work.began.wait()
    async with asyncio.timeout(5):
        await end(*tasks)
    assert isinstance(tasks[0].exception(), ValueError)
    assert tasks[1].cancelled()


async def test_nothing_to_end() -> None:
    await end()
