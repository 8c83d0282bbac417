"""Faults of the shop: what each does to which service, and when they come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Literal

from liveops.demo.shop import BY_NAME, SHOP, callers_by_distance

Kind = Literal["latency", "errors", "memory", "silence"]
KINDS: tuple[Kind, ...] = ("latency", "errors", "memory", "silence")

FIRST_AFTER_S = 75.0
#: Quiet time after each of the first faults, and after all later ones.
SHORT_QUIET_S = 120.0
LONG_QUIET_S = (180.0, 300.0)
_SHORT_ROUNDS = 3
_DURATION_S: dict[Kind, float] = {"latency": 90, "errors": 90, "memory": 120, "silence": 150}
_SIZES: dict[Kind, tuple[float, float]] = {
    "latency": (5.0, 9.0),  # times the usual latency
    "errors": (0.2, 0.5),  # share of requests that fail
    "memory": (2.2, 3.0),  # times the usual memory at the end
    "silence": (1.0, 1.0),
}
#: A caller feels this share of the slowness one call further down, a little later.
_SPREAD = 0.7
_SPREAD_DELAY_S = 5.0


@dataclass(frozen=True, slots=True)
class Effect:
    """What the faults of a moment do to one service."""

    latency_factor: float = 1.0
    error_share: float = 0.0
    memory_factor: float = 1.0
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """One injected fault; times in epoch seconds."""

    kind: Kind
    service: str
    start_s: float
    duration_s: float
    size: float

    @property
    def end_s(self) -> float:
        """First moment without the fault."""
        return self.start_s + self.duration_s

    def announcement(self) -> str:
        """What is injected, in words."""
        what = {
            "latency": f"latency of {self.service} ×{self.size:.1f}, spreading to its callers",
            "errors": f"{self.size:.0%} of the requests of {self.service} fail",
            "memory": f"memory of {self.service} leaks up to ×{self.size:.1f}",
            "silence": f"{self.service} goes silent",
        }
        return f"{what[self.kind]}, for {self.duration_s:.0f} s"

    def expectation(self) -> str:
        """The incident that should follow."""
        metric = {
            "latency": "latency_ms",
            "errors": "error_rate",
            "memory": "memory_mb",
            "silence": "missing metrics",
        }[self.kind]
        text = f"one incident on {metric}, caused by {self.service}"
        callers = sorted(callers_by_distance(self.service)) if self.kind == "latency" else []
        return text + (f", with {', '.join(callers)} affected" if callers else "")

    def effect_on(self, service: str, at_s: float) -> Effect:
        """What this fault does to a service at a moment."""
        if not self.start_s <= at_s < self.end_s:
            return Effect()
        if service == self.service:
            return self._effect_at_home(at_s)
        if self.kind != "latency":
            return Effect()
        distance = callers_by_distance(self.service).get(service)
        if distance is None or at_s < self.start_s + _SPREAD_DELAY_S * distance:
            return Effect()
        return Effect(latency_factor=1 + (self.size - 1) * _SPREAD**distance)

    def _effect_at_home(self, at_s: float) -> Effect:
        if self.kind == "latency":
            return Effect(latency_factor=self.size)
        if self.kind == "errors":
            return Effect(error_share=self.size, latency_factor=1.1)
        if self.kind == "memory":
            grown = (at_s - self.start_s) / self.duration_s
            return Effect(memory_factor=1 + (self.size - 1) * grown)
        return Effect(silent=True)


def schedule(rng: Random, live_from_s: float) -> Iterator[Fault]:
    """Endless faults: each round has every kind once, in a new order, with quiet between."""
    start_s = live_from_s + FIRST_AFTER_S
    number = 0
    while True:
        for kind in rng.sample(KINDS, len(KINDS)):
            service = rng.choice(_targets(kind))
            low, high = _SIZES[kind]
            fault = Fault(kind, service, start_s, _DURATION_S[kind], rng.uniform(low, high))
            yield fault
            number += 1
            quiet_s = SHORT_QUIET_S if number < _SHORT_ROUNDS else rng.uniform(*LONG_QUIET_S)
            start_s = fault.end_s + quiet_s


def _targets(kind: Kind) -> list[str]:
    """Services a kind of fault may hit: slowness spreads only from what others call."""
    if kind == "latency":
        called = {callee for service in SHOP for callee in service.callees}
        return [service.name for service in SHOP if service.name in called]
    return list(BY_NAME)
