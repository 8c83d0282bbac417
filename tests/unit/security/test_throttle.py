"""Failed sign-ins cost waiting; with Redis away this process counts."""

from __future__ import annotations

import time

import pytest

from liveops.redis.cache import Cache
from liveops.security.throttle import BY_ADDRESS, BY_PAIR, Door, Throttle

TRIES = BY_PAIR[0].amount


@pytest.fixture
def throttle() -> Throttle:
    return Throttle(Cache("redis://127.0.0.1:1/0"))


async def fail(throttle: Throttle, door: Door) -> float:
    """One try with a wrong password; the wait that was asked for."""
    wait_s = await throttle.begin(door)
    if not wait_s:
        await throttle.failed(door)
    return wait_s


async def test_a_pair_waits_after_its_tries_and_others_do_not(throttle: Throttle) -> None:
    door = Door("192.0.2.1", "ada")
    assert [await fail(throttle, door) for _ in range(TRIES)] == [0.0] * TRIES
    assert 1 <= await fail(throttle, door) <= 60
    assert await throttle.begin(Door("192.0.2.2", "ada")) == 0
    assert await throttle.begin(Door("192.0.2.1", "bob")) == 0


async def test_a_success_clears_the_pair(throttle: Throttle) -> None:
    door = Door("192.0.2.1", "ada")
    for _ in range(3 * TRIES):
        assert await throttle.begin(door) == 0
        await throttle.succeeded(door)


async def test_the_wait_ends_and_patient_guessing_meets_the_longer_window(
    throttle: Throttle, monkeypatch: pytest.MonkeyPatch
) -> None:
    door, now_s, tries = Door("192.0.2.1", "ada"), time.time(), 0
    for minute in range(10):
        monkeypatch.setattr(time, "time", lambda at_s=now_s + 61 * minute: at_s)
        while not await fail(throttle, door):
            tries += 1
    assert tries == BY_PAIR[1].amount


async def test_many_names_from_one_address_wait_but_not_who_is_known_there(
    throttle: Throttle,
) -> None:
    known = Door("2001:db8::1", "ada")
    assert await throttle.begin(known) == 0
    await throttle.succeeded(known)
    for number in range(BY_ADDRESS.amount):
        assert await fail(throttle, Door(f"2001:db8::{number:x}", f"u{number}")) == 0
    assert await throttle.begin(Door("2001:db8::ffff", "eve")) >= 1
    assert await throttle.begin(Door("2001:db8:0:1::1", "eve")) == 0
    assert await throttle.begin(known) == 0
