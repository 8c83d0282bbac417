"""Generated faults give the same incidents whatever the order within the hold, repeated or not,
read one by one or many at once, and with a restart at any moment."""

from __future__ import annotations

import sys
from random import Random, randrange

from hypothesis import given, settings
from hypothesis import strategies as st

from liveops.incidents.fold import HOLD_S
from liveops.incidents.topology import Topology
from schema.incidents import Detection
from tests.correlating import Correlating
from tests.quality.faults import START_S, episode
from tests.quality.systems import system

Step = tuple[float, Detection]
END_S = 3600.0


def delivered(told: list[Detection], random: Random) -> list[Step]:
    """Detections with when they are read: up to the hold later than they were made."""
    late = [(one.at_s + random.uniform(0, HOLD_S), one) for one in told]
    return sorted(late, key=lambda step: (step[0], step[1].id))


def incidents(
    steps: list[Step], topology: Topology, random: Random, stop_at: int = -1
) -> list[list[str]]:
    """Ids of detections by the incident that they were told to be in at last."""
    run, clock_s = Correlating(topology), 0.0
    waiting = list(enumerate(steps))
    while waiting:
        at_once = random.choice((1, 1, 3, 40))
        batch, waiting = waiting[:at_once], waiting[at_once:]
        read_s = batch[-1][1][0]
        # Marks come now and then, and a slow partition may hold up the clock for long.
        clock_s = max(clock_s, read_s - HOLD_S - random.choice((0, 1, 30)))
        run.fold_all([one for _, (_, one) in batch], clock_s, read_s)
        if any(number == stop_at for number, _ in batch):
            run.restart()
    run.release(START_S + END_S)
    opened = [command.incident_id for command in run.commands if command.kind == "open"]
    assert len(opened) == len({*opened})
    assert {run.status[name] for name in opened} == {"resolved"}
    return sorted(run.told.values())


def generated(seed: int) -> tuple[list[Detection], Topology]:
    """Several faults at once in a small system: what is whose depends much on the order."""
    random = Random(seed)
    made = system(20, random)
    told = [one for _ in range(3) for one in episode(made, START_S, random, two=False).told]
    return list({(one.id, one.state): one for one in told}.values()), Topology(made.edges)


def outcomes(seed: int, orders: int) -> list[list[list[str]]]:
    """The incidents of one generated system under so many orders."""
    told, topology = generated(seed)
    found = []
    for again in range(orders):
        steps = delivered(told, Random(again))
        found.append(incidents(steps, topology, Random(again)))
        assert sum(map(len, found[-1])) == len({one.id for one in told})
    return found


@given(seed=st.integers(0, 2**32))
@settings(max_examples=60)
def test_the_same_incidents_come_out(seed: int) -> None:
    expected, *others = outcomes(seed, orders=4)
    assert all(other == expected for other in others)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=60)
def test_neither_repeats_nor_a_restart_change_them(seed: int) -> None:
    told, topology = generated(seed)
    random = Random(seed)
    steps = delivered(told, random)
    twice = [step for step in steps for _ in range(random.randint(1, 2))]
    stop_at = random.randrange(len(twice))
    again = incidents(twice, topology, random, stop_at)
    assert again == incidents(delivered(told, Random(0)), topology, Random(0))


def main() -> None:
    """`python -m tests.property.test_same_incidents 2000`: so many systems in seven orders each."""
    differing = 0
    count = int(sys.argv[1])
    first = randrange(2**32)
    for seed in range(first, first + count):
        expected, *others = outcomes(seed, orders=7)
        differing += any(other != expected for other in others)
    print(f"{count} systems from seed {first}, 7 orders each: {differing} differ")


if __name__ == "__main__":
    main()
