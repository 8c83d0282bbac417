"""The correlator as tests run it: detections as they are read, and a clock."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from liveops.incidents.correlator import Correlator
from liveops.incidents.order import Order
from liveops.incidents.state import Command, Group, Groups, Read
from liveops.incidents.telling import Told
from liveops.incidents.topology import Topology
from schema.incidents import Detection

_T = TypeVar("_T")


class Correlating:
    """A correlator; `commands` are all it gave."""

    def __init__(self, topology: Topology | None = None) -> None:
        self.topology = Topology(()) if topology is None else topology
        self.correlator = Correlator()
        self.commands: list[Command] = []
        self.offset = 0
        self.feed_silent = False

    def fold(self, item: Detection, clock_s: float, now_s: float | None = None) -> list[Command]:
        """Take in a detection; `clock_s` is the correlator's clock, `now_s` the wall clock."""
        return self.fold_all([item], clock_s, now_s)

    def fold_all(
        self, items: list[Detection], clock_s: float, now_s: float | None = None
    ) -> list[Command]:
        """Take in detections in one transaction."""
        now_s = clock_s if now_s is None else now_s
        reads = [
            Read(
                again(item, Detection),
                "liveops.detections",
                3,
                self.offset + n,
                item.at_s,
                now_s,
                self.feed_silent,
            )
            for n, item in enumerate(items)
        ]
        self.offset += len(reads)
        return self._note(self.correlator.take(reads, self.topology, clock_s, now_s))

    def release(self, clock_s: float, now_s: float = 0.0) -> list[Command]:
        """Let the clocks go on."""
        return self._note(self.correlator.take((), self.topology, clock_s, now_s))

    def heed(self, *resolved: str) -> None:
        """Have people resolve these incidents and reopen all others."""
        self.correlator.heed(resolved, self.topology)

    def restart(self) -> None:
        """Store everything and load it, with the groups in another order."""
        order = self.correlator.order
        groups = [again(group, Group) for group in order.settled.values()]
        reads = [again(read, Read) for read in order.waiting[::-1]]
        book = {name: again(told, Told) for name, told in self.correlator.book.items()}
        self.correlator = Correlator(
            Order({group.id: group for group in groups[::-1]}, reads, order.settled_s), book
        )

    def _note(self, commands: list[Command]) -> list[Command]:
        self.commands += commands
        return commands

    @property
    def groups(self) -> Groups:
        """Groups as they were told last."""
        return self.correlator.groups or {}

    @property
    def opened(self) -> list[str]:
        """Services of the incidents that were opened."""
        return [c.values["service_name"] for c in self.commands if c.kind == "open"]

    @property
    def told(self) -> dict[str, list[str]]:
        """Detections of each incident as it was told last, without those merged into others."""
        found: dict[str, list[str]] = {}
        for command in self.commands:
            if command.note:
                found.pop(command.incident_id, None)
            elif "detections" in command.values:
                found[command.incident_id] = sorted(d.id for d in command.values["detections"])
        return found

    @property
    def status(self) -> dict[str, str]:
        """The status of each incident as it was told last; no change may be told in vain."""
        found: dict[str, str] = {}
        for command in self.commands:
            status = "open" if command.kind == "open" else command.status
            if status is not None:
                assert found.get(command.incident_id) != status
                found[command.incident_id] = status
        return found

    @property
    def current(self) -> set[str]:
        """Incidents that go on and are no other's."""
        return {o.incident_id for o in self.correlator.book.values() if not o.into and o.content}


def again(value: Any, kind: type[_T]) -> _T:
    """A value as it comes out of PostgreSQL, which has an order of its own for keys."""
    return msgspec.json.decode(msgspec.json.encode(value, order="sorted"), type=kind)
