"""The correlator on generated faults: is one fault one incident, and are strangers left apart?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from liveops.incidents.topology import Topology
from schema.incidents import Detection
from schema.rules import Edge
from tests.correlating import Correlating
from tests.quality.systems import Effects, System, detected, effects, system

START_S = 1_700_000_100 // 900 * 900.0
SIZES = (50, 100, 200, 500)
_FAULTS = 200
_LASTS_S, _APART_S = (240.0, 900.0), 7200.0
#: Detector partitions deliver up to this much later than each other.
_JITTER_S = 1.0
_STORM = 300
_DECOYS = ("latency_ms", "error_rate", "cpu_percent", "memory_mb", "queue_depth", "requests")


@dataclass
class Episode:
    """Detections of the same minutes, and which fault each belongs to; decoys to none."""

    told: list[Detection] = field(default_factory=list)
    faults: list[set[str]] = field(default_factory=list)
    decoys: set[str] = field(default_factory=set)


def episode(made: System, begun_s: float, random: Random, *, two: bool) -> Episode:
    """A fault or two unrelated ones at once, with decoys around."""
    found = Episode()
    touched: set[str] = set()
    for _ in range(1 + two):
        while True:
            root = random.choice(made.services)
            effect = effects(made, root, random)
            if root not in touched and not touched & _near(made, root):
                break
        at_s = begun_s + random.uniform(0, 60)
        told = list(detected(effect, at_s, at_s + random.uniform(*_LASTS_S), random))
        found.told += told
        found.faults.append({one.id for one in told})
        touched |= {service for service, _ in effect}
    if two:
        # What both reach belongs to either of them.
        reached = [{d.service_name for d in found.told if d.id in ids} for ids in found.faults]
        shared = set.intersection(*reached)
        both = {item.id for item in found.told if item.service_name in shared}
        found.faults = [ids - both for ids in found.faults]
    aside = [name for name in made.services if name not in touched]
    decoys = random.choice((0, 1, 1, 2, 3))
    for _ in range(decoys if aside else 0):
        at_s = begun_s + random.uniform(-120, 300)
        lone: Effects = {
            (random.choice(aside), random.choice(_DECOYS)): (random.uniform(1, 10), 0.0)
        }
        told = list(detected(lone, at_s, at_s + random.uniform(*_LASTS_S), random))
        found.told += told
        found.decoys |= {item.id for item in told}
    return found


def _near(made: System, root: str) -> set[str]:
    return {root, *made.calls[root], *made.callers.get(root, ())}


def storm(random: Random, begun_s: float, services: int) -> Episode:
    """A cause that no call graph knows: 300 detections within two seconds."""
    found = Episode()
    for number in range(services):
        told = {
            (f"s{number:03d}", f"metric_{nth}"): (1000.0, random.uniform(0, 2))
            for nth in range(_STORM // services)
        }
        found.told += detected(told, begun_s, begun_s + 300, random)
    found.faults = [{one.id for one in found.told}]
    return found


def final(told: Sequence[Detection], edges: Sequence[Edge], random: Random) -> dict[str, str]:
    """The incident that each detection is in at last, delivered as by several partitions."""
    run = Correlating(Topology(edges))
    place: dict[str, str] = {}
    delivered = sorted((one.at_s + random.uniform(0, _JITTER_S), n) for n, one in enumerate(told))
    for at_s, n in delivered:
        run.fold(told[n], at_s - _JITTER_S, at_s)
        for name, group in run.groups.items():
            place |= dict.fromkeys([*group.members, *group.under_way], name)
    return place


@dataclass
class Score:
    """How many faults were one incident, and how many had no stranger in theirs."""

    faults: int = 0
    whole: int = 0
    apart: int = 0
    decoys: int = 0
    decoys_apart: int = 0

    def take(self, found: Episode, place: dict[str, str]) -> None:
        """Count an episode."""
        holding = [{place[one] for one in fault if one in place} for fault in found.faults]
        for number, names in enumerate(holding):
            if not names:
                continue
            others = [more for nth, more in enumerate(holding) if nth != number]
            self.faults += 1
            self.whole += len(names) == 1
            self.apart += not any(names & more for more in others)
        all_names = set().union(*holding)
        for one in found.decoys:
            if one in place:
                self.decoys += 1
                self.decoys_apart += place[one] not in all_names

    def __str__(self) -> str:
        return (
            f"{self.faults:5} {self.whole / max(1, self.faults):9.3f} "
            f"{self.apart / max(1, self.faults):9.3f} "
            f"{self.decoys_apart / max(1, self.decoys):9.3f}"
        )


def rows(seed: int = 1, faults: int = _FAULTS) -> Iterator[str]:
    """One line a size of system, of those whose graph is known in part, and of storms."""
    yield f"generated faults{'':13}faults  one inc.  two apart  decoys apart"
    for known in (1.0, 0.9, 0.0):
        for size in SIZES:
            score = _measured(size, known, seed, faults)
            yield f"{size:4} services, {known:4.0%} of calls known {score}"
    score, random = Score(), Random(seed)
    for number in range(20):
        blown = storm(random, START_S + number * _APART_S, random.choice((25, 50, 100, 300)))
        score.take(blown, final(blown.told, (), random))
    yield f"storms of {_STORM} in 2 s, no topology {score}"


def _measured(size: int, known: float, seed: int, faults: int) -> Score:
    random, score = Random(f"{seed}/{size}"), Score()
    while score.faults < faults:
        made = system(size, random)
        found = episode(made, START_S, random, two=random.random() < 0.25)
        edges = [edge for edge in made.edges if random.random() < known]
        score.take(found, final(found.told, edges, random))
    return score
