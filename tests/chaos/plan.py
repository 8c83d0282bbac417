"""What happens when: kills at random moments, more and fewer workers between them, a slow one."""

from __future__ import annotations

import random
import signal
from dataclasses import dataclass

#: One by one and two together; every run has these, as far as it has so many kills.
CERTAIN = (
    ("metrics",),
    ("kafka",),
    ("metrics-2", "postgres"),
    ("archive",),
    ("incidents", "valkey"),
    ("metrics-2",),
    ("postgres",),
    ("metrics", "kafka"),
    ("valkey",),
    ("incidents",),
    ("metrics", "metrics-2"),
    ("archive", "kafka"),
)
VICTIMS = ("metrics", "metrics-2", "kafka", "incidents", "archive", "postgres", "valkey")
WEIGHTS = (4, 4, 3, 2, 2, 1, 1)
TOGETHER = 0.3
#: Metrics workers one after the other, and how the ones too many go.
SCALES = (
    (1, signal.SIGTERM),
    (3, signal.SIGTERM),
    (1, signal.SIGKILL),
    (3, signal.SIGTERM),
    (1, signal.SIGTERM),
    (2, signal.SIGTERM),
)
#: A run of this many kills goes 1 → 3 → 1 twice, a shorter one once.
LONG = 12
#: Times a long run freezes a worker for longer than its session: others get its partitions,
#: and it goes on as if nothing had been.
FREEZES = 3
#: In every run one worker is slow while others go on: from when there are most of them, for
#: this share of the load's time.
SLOW = "metrics"
SLOW_FOR = 0.25


@dataclass(frozen=True, slots=True)
class Action:
    """A kill of `victims` or, by SIGSTOP, a freeze; or else `copies` metrics workers.

    `at_s` are seconds since the load began. With `slow_s` the victims are only slowed, for so
    long, and what comes next does not wait for it.
    """

    at_s: float
    victims: tuple[str, ...] = ()
    copies: int = 0
    number: signal.Signals = signal.SIGKILL
    slow_s: float = 0.0


def plan(seed: int, kills: int, load_s: float, *, scaling: bool) -> list[Action]:
    """A slot of equal length for each action, and a random moment within it."""
    dice = random.Random(f"kills/{seed}")
    chosen = list(CERTAIN[:kills])
    while len(chosen) < kills:
        first, second = dice.choices(VICTIMS, WEIGHTS, k=2)
        both = dice.random() < TOGETHER and first != second
        chosen.append((first, second) if both else (first,))
    dice.shuffle(chosen)
    actions = [Action(0, victims) for victims in chosen]
    scales = SCALES[: (len(SCALES) if kills >= LONG else 3)] if scaling else ()
    for number, (copies, how) in enumerate(scales):
        place = round((number + 0.6) * (kills + len(scales)) / len(scales))
        actions.insert(place, Action(0, (), copies, how))
    for number in range(FREEZES if kills >= LONG and scaling else 0):
        place = round((number + 0.4) * len(actions) / FREEZES)
        actions.insert(place, Action(0, ("metrics",), 0, signal.SIGSTOP))
    slot_s = load_s / max(1, len(actions))
    timed = [
        Action((number + dice.uniform(0.3, 0.7)) * slot_s, a.victims, a.copies, a.number)
        for number, a in enumerate(actions)
    ]
    most = max(range(len(timed)), key=lambda number: timed[number].copies, default=0)
    from_s = timed[most].at_s if timed else 0.0
    timed.insert(most + 1, Action(from_s, (SLOW,), slow_s=SLOW_FOR * load_s))
    return timed
