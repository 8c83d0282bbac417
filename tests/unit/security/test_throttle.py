"""Failed sign-ins cost waiting."""

from __future__ import annotations

from liveops.security.throttle import FREE, Throttle


def test_waits_grow_after_the_free_tries_and_end_with_a_success() -> None:
    throttle = Throttle()
    for _ in range(FREE):
        assert throttle.wait_s(["u"], 100.0) == 0
        throttle.failed(["u"], 100.0)
    assert throttle.wait_s(["u"], 100.0) == 1.0
    throttle.failed(["u"], 101.0)
    assert throttle.wait_s(["u"], 101.0) == 2.0
    assert throttle.wait_s(["other"], 101.0) == 0
    throttle.succeeded(["u"])
    assert throttle.wait_s(["u"], 101.0) == 0


def test_each_throttle_has_its_own_allowance_and_forgets() -> None:
    generous = Throttle(free=20)
    for _ in range(20):
        generous.failed(["a"], 100.0)
    assert generous.wait_s(["a"], 100.0) == 1.0
    assert generous.wait_s(["a"], 100.0 + 1000.0) == 0
