"""Systems of services and what a fault does to them: physics, not the correlator's rule.

What a caller waits for makes it slow or fail, by the share of its requests that need it, and
later with every call. A service that fails sends less load to those it calls. A detector sees
a strong effect within seconds and a weak one in the next minute.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from msgspec.structs import replace

from schema.ids import derived_id
from schema.incidents import Detection
from schema.rules import Edge

#: Shares of the tiers, from the entries down to the stores.
_TIERS = (0.05, 0.2, 0.3, 0.3, 0.15)
#: An effect of one is what a detector just sees.
_SEEN = 1.0
_HOP_S, _LOAD_LOST = 4.0, 0.4
_KINDS = ("slow", "failing", "busy", "dead")
_AT_ROOT = {
    "slow": ("latency_ms",),
    "failing": ("error_rate",),
    "busy": ("cpu_percent", "latency_ms"),
    "dead": ("requests", "cpu_percent"),
}
#: Effects by service and metric: how large, and after how many seconds.
Effects = dict[tuple[str, str], tuple[float, float]]


@dataclass
class System:
    """Who calls whom, which share of the caller's requests needs it, and the load of each."""

    calls: dict[str, dict[str, float]]
    callers: dict[str, list[str]] = field(default_factory=dict)
    load: dict[str, float] = field(default_factory=dict)

    @property
    def services(self) -> list[str]:
        """All services, the entries first."""
        return list(self.calls)

    @property
    def edges(self) -> list[Edge]:
        """The call graph."""
        return [Edge(caller=a, callee=b) for a, called in self.calls.items() for b in called]


def system(size: int, random: Random) -> System:
    """Tiers of services; those called much are called by still more, some calls go round."""
    names = [f"s{number:03d}" for number in range(size)]
    tiers, first = [], 0
    for share in _TIERS:
        count = max(2, round(size * share))
        tiers.append(names[first : first + count])
        first += count
    tiers[-1] += names[first:]
    made = System({name: {} for name in names})
    popular = dict.fromkeys(names, 1.0)
    for depth, tier in enumerate(tiers[:-1]):
        near, far = tiers[depth + 1], [name for more in tiers[depth + 2 :] for name in more]
        for name in tier:
            for _ in range(random.randint(1, 4)):
                pool = far if far and random.random() < 0.25 else near
                callee = random.choices(pool, [popular[one] for one in pool])[0]
                popular[callee] += 1
                made.calls[name][callee] = random.choice((0.2, 0.5, 1.0, 1.0))
    _loaded(made, tiers[0])
    for name in random.sample(names, max(1, size // 50)):
        round_to = random.choice([other for other in names if other != name])
        made.calls[name].setdefault(round_to, 0.1)
    for name, called in made.calls.items():
        for callee in called:
            made.callers.setdefault(callee, []).append(name)
    return made


def _loaded(made: System, entries: list[str]) -> None:
    made.load = {name: 100.0 if name in entries else 0.0 for name in made.services}
    for name in made.services:
        for callee, share in made.calls[name].items():
            made.load[callee] += made.load[name] * share


def effects(made: System, root: str, random: Random) -> Effects:
    """What a fault of `root` does, to itself, to those who wait for it, and to those below."""
    kind, size = random.choice(_KINDS), random.uniform(5, 40)
    metric = "latency_ms" if kind in ("slow", "busy") else "error_rate"
    found: Effects = {
        (root, one): (size * random.uniform(0.5, 1), random.expovariate(0.5))
        for one in _AT_ROOT[kind]
    }
    reached, waiting = {root: (size, 0.0)}, [root]
    while waiting:
        service = waiting.pop(0)
        strength, after_s = reached[service]
        for caller in made.callers.get(service, ()):
            felt = strength * made.calls[caller][service] * random.uniform(0.4, 1.0)
            if felt <= max(_SEEN, reached.get(caller, (0.0, 0.0))[0]):
                continue
            late_s = after_s + random.expovariate(1 / _HOP_S)
            reached[caller] = felt, late_s
            found[caller, metric] = felt, late_s
            if metric == "latency_ms" and felt > 10:  # those who wait too long give up
                found[caller, "error_rate"] = felt / 5, late_s + random.expovariate(0.1)
            waiting.append(caller)
    if metric == "error_rate":
        found |= _less_load(made, reached, random)
    return found


def _less_load(made: System, reached: dict[str, tuple[float, float]], random: Random) -> Effects:
    found: Effects = {}
    for service, (felt, after_s) in reached.items():
        for callee, share in made.calls[service].items():
            part = made.load[service] * share / max(made.load[callee], 1.0)
            lost = min(0.9, felt / 40) * part
            if callee not in reached and lost > _LOAD_LOST:
                found[callee, "requests"] = 3 * lost, after_s + random.expovariate(1 / _HOP_S)
    return found


def detected(effect: Effects, begun_s: float, ends_s: float, random: Random) -> Iterator[Detection]:
    """What detectors tell of effects, each as it is told first, and its end."""
    for (service, metric), (size, after_s) in effect.items():
        seen_s = begun_s + after_s + 2 + random.expovariate(size / 60)
        if seen_s >= ends_s:
            continue
        # A window that holds too little of it is not unusual yet.
        onset_s = max(begun_s + after_s, seen_s - 20) // 60 * 60
        value = 100 + size if metric != "requests" else 100 / (1 + size)
        first = Detection(
            id=derived_id("fault", service, metric, seen_s), rule_id="r", detector="ensemble",
            service_name=service, metric_type=metric, tags={}, window="1m", severity="high",
            value=value, expected=100.0, lower=90.0, upper=110.0, score=size,
            reason="far above the expected", at_s=seen_s, onset_s=onset_s, broker_time_s=seen_s,
        )  # fmt: skip
        yield first
        yield replace(first, state="resolved", at_s=ends_s + random.uniform(60, 180))
