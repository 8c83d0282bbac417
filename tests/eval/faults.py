"""What can go wrong in a system, each by its mechanism, and what only looks like it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.eval.world import Course, Floats, System


def ramp(minutes: int, start: int, rise: float | np.integer[Any]) -> Floats:
    """0 before the start, 1 after `rise` minutes."""
    return np.clip((np.arange(minutes) - start + 1) / max(float(rise), 1e-9), 0.0, 1.0)


def slow(system: System, course: Course, at: int, who: int, rng: np.random.Generator) -> None:
    """A lock, a slow disk or query: requests wait without using the processor."""
    usual = system.wait_s[who] + system.busy_s[who]
    added = usual * rng.uniform(2, 8) + rng.uniform(0.05, 0.4)
    course.extra_wait_s[:, who] += added * ramp(len(course.down), at, rng.integers(1, 3))


def failing(system: System, course: Course, at: int, who: int, rng: np.random.Generator) -> None:
    """A defect: a share of the requests fails, a little faster than they would succeed."""
    step = ramp(len(course.down), at, 1)
    course.extra_failing[:, who] += rng.uniform(0.04, 0.5) * step
    course.busy_factor[:, who] *= 1 - 0.1 * step


def starved(system: System, course: Course, at: int, who: int, rng: np.random.Generator) -> None:
    """A neighbour takes the processor: fewer cores are left than the load needs at ease."""
    step = ramp(len(course.down), at, 1)
    course.core_factor[:, who] *= 1 - rng.uniform(0.75, 0.93) * step


def heavy(system: System, course: Course, at: int, who: int, rng: np.random.Generator) -> None:
    """A bad release: each request needs several times the processor."""
    course.busy_factor[:, who] *= 1 + rng.uniform(2, 8) * ramp(len(course.down), at, 1)


def leak(system: System, course: Course, at: int, who: int, rng: np.random.Generator) -> None:
    """Memory grows minute by minute; collecting it costs more and more processor time."""
    grown = np.maximum(np.arange(len(course.down)) - at + 1, 0)
    course.leaked_mb[:, who] += system.memory_mb[who] * rng.uniform(0.04, 0.12) * grown
    course.busy_factor[:, who] *= 1 + rng.uniform(0.2, 0.8) * grown


def network(system: System, course: Course, at: int, who: int, rng: np.random.Generator) -> None:
    """All packets of one service are late, on the way in and on the way out."""
    added = rng.uniform(0.1, 0.5) * ramp(len(course.down), at, 1)
    for call in system.calls:
        if who in (call.caller, call.callee):
            course.delay_s[call.caller, call.callee] = added


def down(system: System, course: Course, at: int, who: int, rng: np.random.Generator) -> None:
    """The service is gone: it answers nobody and reports nothing."""
    course.down[at:, who] = True


def surge(system: System, course: Course, at: int, who: int, rng: np.random.Generator) -> None:
    """Several times the usual traffic comes in at the entry."""
    course.traffic_per_s *= 1 + rng.uniform(1.5, 4) * ramp(len(course.down), at, 2)


FAULTS = {
    "slow": slow, "failing": failing, "starved": starved, "heavy": heavy, "leak": leak,
    "network": network, "down": down,
}  # fmt: skip
