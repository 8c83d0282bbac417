"""A system of services as queueing theory has it: calls, load, waiting, failures.

Nothing here knows how causes are looked for. Load comes down from the entry by calls
per request; a service is a queue of several servers (waiting time by Sakasegawa's
approximation); latency of a synchronous call adds to the caller's, and so do failures
that the caller does not absorb. Asynchronous calls carry load only.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
STEP_S = 60.0
#: A queue cannot grow beyond this within the windows looked at: callers give up.
_FULLEST = 0.985
_TIMEOUT_S = 8.0


@dataclass(frozen=True)
class Call:
    """`callee` is called `per_request` times for each request of `caller`."""

    caller: int
    callee: int
    per_request: float
    synchronous: bool
    #: Share of the callee's failures that fail the caller's request too.
    passed_on: float
    network_s: float


@dataclass
class System:
    """Services 0 … n-1; callers have smaller numbers, but for calls that go in a circle."""

    calls: list[Call]
    busy_s: Floats  # processing time of a request on one core
    wait_s: Floats  # time spent waiting for disk, locks, outside services
    cores: Floats
    failing: Floats  # share of requests that fail here in good times
    memory_mb: Floats
    traffic_per_s: float

    @property
    def size(self) -> int:
        """Number of services."""
        return len(self.busy_s)


@dataclass
class Course:
    """What goes on in each minute: traffic and faults, as arrays time × service."""

    traffic_per_s: Floats
    busy_factor: Floats
    extra_wait_s: Floats
    core_factor: Floats
    extra_failing: Floats
    leaked_mb: Floats
    down: NDArray[np.bool_]
    #: Added delay by (caller, callee), each an array over time.
    delay_s: dict[tuple[int, int], Floats] = field(default_factory=dict)


@dataclass(frozen=True)
class Telemetry:
    """True values of each minute, time × service."""

    requests_per_s: Floats
    latency_s: Floats
    client_latency_s: Floats
    failing: Floats
    cpu_share: Floats
    memory_mb: Floats


def build(rng: np.random.Generator, size: int, *, asynchronous: float = 0.1) -> System:
    """A random system: a tree of calls from the entry with further calls across it."""
    calls = []
    for callee in range(1, size):
        reach = max(1, int(callee * rng.uniform(0.2, 1.0)))
        callers = {int(rng.integers(max(0, callee - reach), callee))}
        if callee > 2 and rng.random() < 0.4:
            callers.add(int(rng.integers(0, callee)))
        for caller in sorted(callers):
            calls.append(
                Call(
                    caller, callee, float(rng.uniform(0.3, 1.6)),
                    bool(rng.random() >= asynchronous), float(rng.choice([1.0, 1.0, 0.7, 0.2])),
                    float(rng.uniform(0.0003, 0.002)),
                )
            )  # fmt: skip
    if size > 8 and rng.random() < 0.3:
        high, low = sorted(int(i) for i in rng.choice(np.arange(1, size), 2, replace=False))
        calls.append(Call(low, high, 0.05, False, 0.0, 0.001))
        calls.append(Call(high, low, 0.02, False, 0.0, 0.001))
    traffic = float(10 ** rng.uniform(0.7, 2.3))
    system = System(
        calls,
        busy_s=10 ** rng.uniform(-2.8, -1.5, size),
        wait_s=10 ** rng.uniform(-3.3, -1.6, size),
        cores=np.ones(size),
        failing=np.where(rng.random(size) < 0.5, 0.0, 10 ** rng.uniform(-4, -2.3, size)),
        memory_mb=10 ** rng.uniform(1.8, 3.3, size),
        traffic_per_s=traffic,
    )
    load = _load(system, np.array([traffic]))[0]
    system.cores = load * system.busy_s / rng.uniform(0.1, 0.55, size)
    return system


def calm(system: System, minutes: int) -> Course:
    """A course in which nothing happens, with even traffic."""
    shape = (minutes, system.size)
    return Course(
        traffic_per_s=np.full(minutes, system.traffic_per_s),
        busy_factor=np.ones(shape), extra_wait_s=np.zeros(shape), core_factor=np.ones(shape),
        extra_failing=np.zeros(shape), leaked_mb=np.zeros(shape), down=np.zeros(shape, np.bool_),
    )  # fmt: skip


def run(system: System, course: Course) -> Telemetry:
    """What happens in the system, minute by minute."""
    minutes, size = course.busy_factor.shape
    load = _load(system, course.traffic_per_s)
    busy = system.busy_s * course.busy_factor
    cores = system.cores * course.core_factor
    usage = load * busy / cores
    full = np.minimum(usage, _FULLEST)
    servers = np.maximum(cores, 1.0)
    queued = busy * full ** (np.sqrt(2 * (servers + 1)) - 1) / (servers * (1 - full))
    latency = busy + queued + system.wait_s + course.extra_wait_s
    failing = np.minimum(system.failing + course.extra_failing, 1.0)
    # What no core can serve any more is turned away.
    failing = 1 - (1 - failing) * np.minimum(1.0, 1.0 / np.maximum(usage, 1e-9))
    failing = np.where(course.down, 1.0, failing)
    client, called = np.zeros((minutes, size)), np.zeros((minutes, size))
    for call in sorted(system.calls, key=lambda c: (-c.caller, c.callee)):
        if not call.synchronous:
            continue
        network = call.network_s + course.delay_s.get((call.caller, call.callee), 0.0)
        # Whoever is down refuses at once.
        answer = np.where(course.down[:, call.callee], 0.001, latency[:, call.callee]) + network
        latency[:, call.caller] += call.per_request * answer
        client[:, call.caller] += call.per_request * answer
        called[:, call.caller] += call.per_request
        spared = 1 - failing[:, call.callee] * call.passed_on * min(1.0, call.per_request)
        failing[:, call.caller] = 1 - (1 - failing[:, call.caller]) * spared
    latency = np.minimum(latency, _TIMEOUT_S)
    with np.errstate(invalid="ignore", divide="ignore"):
        client = np.where(called > 0, client / called, np.nan)
    cpu = np.minimum(usage, 1.0)
    return Telemetry(load, latency, client, failing, cpu, system.memory_mb + course.leaked_mb)


def _load(system: System, traffic: Floats) -> Floats:
    load = np.zeros((len(traffic), system.size))
    load[:, 0] = traffic
    forward = [c for c in system.calls if c.callee > c.caller]
    for call in sorted(forward, key=lambda c: (c.caller, c.callee)):
        load[:, call.callee] += call.per_request * load[:, call.caller]
    return load
