"""Generated faults give the same incidents whatever the order within the hold, repeated or not,
and with the groups stored and loaded at any moment."""

from __future__ import annotations

from random import Random

import msgspec
import pytest

from liveops.incidents.fold import HOLD_S, fold, release
from liveops.incidents.state import Group, Groups, Source
from liveops.incidents.topology import Topology
from schema.incidents import Detection
from tests.quality.faults import START_S, episode
from tests.quality.systems import system

Step = tuple[float, Detection]


def delivered(told: list[Detection], random: Random) -> list[Step]:
    """Detections with when they are read: up to the hold later than they were made."""
    late = [(one.at_s + random.uniform(0, HOLD_S), one) for one in told]
    return sorted(late, key=lambda step: (step[0], step[1].id))


def incidents(steps: list[Step], topology: Topology, stop_at: int = -1) -> list[list[str]]:
    """Ids of detections by the incident that they are in at last."""
    groups: Groups = {}
    place: dict[str, str] = {}
    for offset, (read_s, one) in enumerate(steps):
        clock_s = read_s - HOLD_S
        release(groups, topology, clock_s, read_s)
        fold(groups, one, Source("t", 0, offset, clock_s, read_s), topology)
        if offset == stop_at:
            groups = msgspec.json.decode(msgspec.json.encode(groups), type=dict[str, Group])
        place |= {item: name for name, group in groups.items() for item in group.members}
    found: dict[str, list[str]] = {}
    for item, name in sorted(place.items()):
        found.setdefault(name, []).append(item)
    return sorted(found.values())


@pytest.mark.parametrize("seed", range(150))
def test_the_same_incidents_come_out(seed: int) -> None:
    random = Random(seed)
    made = system(50, random)
    told = episode(made, START_S, random, two=seed % 3 == 0).told
    topology = Topology(made.edges)
    expected = incidents(delivered(told, Random(0)), topology)
    assert sum(map(len, expected)) == len({one.id for one in told})
    for again in range(1, 4):
        steps = delivered(told, Random(again))
        assert incidents(steps, topology) == expected
        cut = Random(again).randrange(len(steps))
        twice = [step for step in steps for _ in range(Random(step[1].id).randint(1, 2))]
        assert incidents(twice, topology, stop_at=cut) == expected
