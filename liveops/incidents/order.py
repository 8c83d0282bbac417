"""Detections get their turn in the order of event time and id, not of reading. Pure.

What is older than the newest by the hold is settled. The detections since are kept beside what is
settled: one that comes late takes its place among them, and those behind it are folded again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field

from msgspec.structs import replace

from liveops.incidents.fold import HOLD_S, fold, release
from liveops.incidents.state import Group, Groups, Read
from liveops.incidents.topology import Topology

#: Detections that wait to be settled at most; where partitions race each other they are many.
MAX_WAITING = 1000
#: The groups are remembered as they were before every so many of them.
_EVERY = 16


@dataclass(slots=True)
class _Turn:
    """A detection in its place."""

    key: tuple[float, str, str, bytes]
    read: Read
    #: The groups before it, of some.
    before: Groups | None = None
    #: Groups whose time had come when it had its turn.
    ended: list[Group] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class View:
    """Groups as all that was read makes them, and those that ended but are not settled."""

    groups: Groups
    ended: list[Group]
    #: When detections that are not settled were read, wall clock.
    read_s: dict[str, float]


class Order:
    """Settled groups and the detections since; `topology` is the one they are folded under."""

    def __init__(self, settled: Groups, reads: Iterable[Read] = (), settled_s: float = 0.0) -> None:
        self.settled = settled
        #: Event time that is settled: what comes later for it has its turn then.
        self.settled_s = settled_s
        self._turns = sorted((_Turn(one.key, one) for one in reads), key=lambda turn: turn.key)
        self._topology: Topology | None = None
        self._rewind(0)

    @property
    def waiting(self) -> list[Read]:
        """The detections that are not settled."""
        return [turn.read for turn in self._turns]

    def add(self, read: Read) -> None:
        """Let a detection take its place; one that is there already changes nothing."""
        read = replace(read, order_s=max(read.detection.at_s, self.settled_s))
        turn = _Turn(read.key, read)
        place = bisect_left(self._turns, turn.key, key=lambda one: one.key)
        if place < len(self._turns):
            behind = self._turns[place]
            if behind.key == turn.key:
                return
            turn.before, behind.before = behind.before, None
        self._turns.insert(place, turn)
        if place < self._folded:
            self._rewind(place)

    def _rewind(self, place: int) -> None:
        """Be where the turn at `place` or one a little before it has not come yet."""
        while place and self._turns[place].before is None:
            place -= 1
        before = self._turns[place].before if place < len(self._turns) else None
        self._groups = dict(self.settled if before is None else before)
        self._folded = place
        for turn in self._turns[place:]:
            turn.before = None

    def catch_up(self, topology: Topology) -> None:
        """Fold what has not been; all that waits where the call graph is another."""
        if topology is not self._topology:
            self._topology = topology
            self._rewind(0)
        ago = self._since_kept()
        for turn in self._turns[self._folded :]:
            if ago >= _EVERY:
                turn.before, ago = dict(self._groups), 0
            ago += 1
            turn.ended = release(self._groups, topology, turn.read.order_s)
            fold(self._groups, turn.read, topology)
        self._folded = len(self._turns)

    def _since_kept(self) -> int:
        """How many turns ago the groups were kept last; `_EVERY` is long enough."""
        for ago, turn in enumerate(reversed(self._turns[: self._folded][-_EVERY:]), start=1):
            if turn.before is not None:
                return ago
        return _EVERY

    def view(self, topology: Topology, clock_s: float) -> View:
        """How things stand when everything up to `clock_s`, event time, has been heard."""
        self.catch_up(topology)
        groups = dict(self._groups)
        ended = [group for turn in self._turns for group in turn.ended]
        ended += release(groups, topology, clock_s)
        return View(groups, ended, {one.read.detection.id: one.read.read_s for one in self._turns})

    def settle(self, topology: Topology, clock_s: float) -> list[Group]:
        """Settle what is older than the hold, or too much; returns groups that ended."""
        self.catch_up(topology)
        limit_s = clock_s - HOLD_S
        count = bisect_left(self._turns, limit_s, key=lambda turn: turn.key[0])
        count = max(count, len(self._turns) - MAX_WAITING)
        if count == len(self._turns):
            ended = self._settle(count, self._groups)
            self.settled_s = max(self.settled_s, limit_s)
            ended += release(self.settled, topology, limit_s)
            self._rewind(0)
            return ended
        kept = next((n for n in range(count, 0, -1) if self._turns[n].before is not None), 0)
        if kept:
            return self._settle(kept, self._turns[kept].before)
        groups = dict(self.settled)
        for turn in self._turns[:count]:
            release(groups, topology, turn.read.order_s)
            fold(groups, turn.read, topology)
        return self._settle(count, groups)

    def put(self, settled: Groups) -> None:
        """Have other groups in the place of those that are settled."""
        self.settled = settled
        self._rewind(0)

    def settle_all(self, topology: Topology) -> list[Group]:
        """Settle everything, as before what a person does; returns groups that ended."""
        self.catch_up(topology)
        ended = self._settle(len(self._turns), self._groups)
        self._rewind(0)
        return ended

    def _settle(self, count: int, groups: Groups | None) -> list[Group]:
        if groups is None or not count:
            return []
        ended = [group for turn in self._turns[:count] for group in turn.ended]
        self.settled = dict(groups)
        self.settled_s = max(self.settled_s, self._turns[count - 1].read.order_s)
        del self._turns[:count]
        self._folded -= count
        return ended
