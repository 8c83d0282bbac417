"""Slices of chunks, and how they grow and shrink."""

from __future__ import annotations

import asyncio

import pytest

from agents.windows import time_slicer
from agents.windows.time_slicer import HOLD_S, TimeSlicer


def steps(slicer: TimeSlicer, records: int, each_s: float) -> list[int]:
    """Sizes of the slices of a chunk whose records take so long each."""
    sizes = []
    for part in slicer.slices(records):
        sizes.append(part.stop - part.start)
        slicer.learn(sizes[-1], sizes[-1] * each_s)
    return sizes


@pytest.mark.parametrize("records", [0, 1, 7, 4000])
def test_slices_follow_each_other_and_leave_nothing_out(records: int) -> None:
    parts = list(TimeSlicer().slices(records))
    assert [n for part in parts for n in range(records)[part]] == list(range(records))


@pytest.mark.parametrize("each_s", [2e-6, 20e-6, 300e-6])
def test_slices_come_to_hold_the_loop_as_long_as_they_should(each_s: float) -> None:
    found = TimeSlicer()
    for _ in range(3):
        sizes = steps(found, 20_000, each_s)
    whole = sizes[:-1]  # the last is what is left
    assert all(0.7 * HOLD_S < size * each_s < 1.3 * HOLD_S for size in whole)


def test_one_dear_slice_makes_the_next_smaller_and_a_cheap_rest_tells_nothing() -> None:
    found = TimeSlicer()
    steps(found, 20_000, 2e-6)
    before = steps(found, 4000, 2e-6)[0]
    found.learn(3, 1e-9)
    assert steps(found, 4000, 1e-3)[0] == before
    assert steps(found, 4000, 1e-3)[0] < before / 4


async def test_others_have_the_loop_between_two_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_slicer, "thread_time", lambda: 0.0)
    found, turns = TimeSlicer(), 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    slices = 0
    for _ in found.slices(4000):
        slices += 1
        await found.rest()
    beside.cancel()
    assert turns >= slices > 1
