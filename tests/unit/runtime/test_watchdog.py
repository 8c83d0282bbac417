"""The watchdog ends a worker that has work and does none, and spares one that waits."""

from __future__ import annotations

from liveops.runtime.watchdog import Watchdog

END = {"p": 100}


def look(dog: Watchdog, now_s: float, offset: int, *, healthy: bool = True) -> bool:
    """Observe the one partition; whether the dog is content."""
    dog.observe(now_s, {"p": offset}, END, healthy=healthy)
    return not dog.stuck(now_s)


def test_no_progress_for_half_a_minute_is_the_end() -> None:
    dog = Watchdog()
    assert [look(dog, now, 50) for now in (0, 15, 29.9)] == [True] * 3
    assert not look(dog, 30, 50)


def test_slow_progress_is_progress() -> None:
    dog = Watchdog()
    assert all(look(dog, now, now // 20) for now in range(0, 200, 5))


def test_without_lag_standing_still_is_right() -> None:
    dog = Watchdog()
    assert all(look(dog, now, 100) for now in range(0, 200, 5))


def test_while_a_store_is_away_and_half_a_minute_after_nobody_is_ended() -> None:
    dog = Watchdog()
    assert all(look(dog, now, 50, healthy=False) for now in range(0, 300, 5))
    assert all(look(dog, now, 50) for now in (301, 320, 330.9))
    assert not look(dog, 331, 50)


def test_a_revoked_partition_is_forgotten() -> None:
    dog = Watchdog()
    look(dog, 0, 50)
    dog.observe(20, {}, {}, healthy=True)
    assert look(dog, 40, 50)
