"""What the shop measures: daily rhythm, noise and the effects of faults; no I/O."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

from liveops.demo.faults import Effect, Fault
from liveops.demo.shop import SHOP, Service

DAY_S = 86_400.0
#: Load swings by this share around its mean, lowest at 04:00 UTC.
_SWING = 0.35
_LOWEST_S = 4 * 3600.0


@dataclass(frozen=True, slots=True)
class Reading:
    """One measurement; `at_s` in epoch seconds."""

    service_name: str
    metric_type: str
    value: float
    at_s: float


def load(at_s: float) -> float:
    """Traffic at a moment relative to the day's mean."""
    return 1 - _SWING * math.cos(2 * math.pi * (at_s - _LOWEST_S) / DAY_S)


def readings(at_s: float, faults: Iterable[Fault], rng: Random) -> list[Reading]:
    """Five readings of every service that is not silent; the same rng state, the same values."""
    active = list(faults)
    found: list[Reading] = []
    for service in SHOP:
        effect = _combined([fault.effect_on(service.name, at_s) for fault in active])
        values = _values(service, load(at_s), effect, rng)
        if not effect.silent:
            found += [Reading(service.name, m, round(v, 5), at_s) for m, v in values.items()]
    return found


def _combined(effects: list[Effect]) -> Effect:
    return Effect(
        latency_factor=math.prod(effect.latency_factor for effect in effects),
        error_share=max((effect.error_share for effect in effects), default=0.0),
        memory_factor=math.prod(effect.memory_factor for effect in effects),
        silent=any(effect.silent for effect in effects),
    )


def _values(service: Service, level: float, effect: Effect, rng: Random) -> dict[str, float]:
    busy = 0.8 + 0.2 * level
    latency_ms = service.latency_ms * busy * effect.latency_factor * rng.lognormvariate(0, 0.08)
    requests = max(0.0, service.requests * level * rng.gauss(1, 0.06))
    usual_errors = max(0.0, service.error_rate * rng.gauss(1, 0.25))
    error_rate = min(1.0, usual_errors + effect.error_share * rng.gauss(1, 0.05))
    cpu = min(100.0, max(0.0, service.cpu * busy + rng.gauss(0, 1.5)))
    memory_mb = service.memory_mb * effect.memory_factor * (1 + rng.gauss(0, 0.006))
    return {
        "latency_ms": latency_ms,
        "requests": requests,
        "error_rate": error_rate,
        "cpu": cpu,
        "memory_mb": memory_mb,
    }
