"""The correlator: detections and the clock in, commands on incidents out. Pure.

Groups follow from the set of detections alone (`order`, `fold`); which incidents people know of is
kept beside them (`telling`), so that a group that is folded anew is told by its differences.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec.structs import replace

from liveops.incidents.fold import HOLD_S, next_due_s, over_s
from liveops.incidents.order import Order, View
from liveops.incidents.state import Command, Group, Groups, Read
from liveops.incidents.telling import (
    Book,
    Told,
    choose,
    group_of,
    new_told,
    survivor,
    tell,
    tell_ended,
    tell_merged,
)
from liveops.incidents.topology import Topology

#: In the time of the wall clock the wait for a deeper cause is no longer than this.
HOLD_AT_MOST_S = 4.0
#: Merged incidents that are remembered, so that each can be taken out again.
_MAX_MERGED = 200


class Correlator:
    """Groups in their order, and the book of what was told; both belong in one transaction."""

    def __init__(self, order: Order | None = None, book: Book | None = None) -> None:
        self.order = Order({}) if order is None else order
        self.book: Book = {} if book is None else book
        #: Groups as they were told last.
        self.groups: Groups | None = None
        #: What correlator's and wall clock must show for a held or old group.
        self.due_s = (0.0, 0.0)

    def heed(self, resolved: Collection[str], topology: Topology) -> None:
        """Take in what people did; `resolved` are the incidents that are.

        One resolved while it fired: its excursions stay quiet, until somebody reopens it.
        """
        groups = self._known(topology)
        for one in list(self.book.values()):
            if one.into or one.content is None:
                continue
            group = group_of(one, groups)
            dismissed = group is not None and group.dismissed
            if one.incident_id in resolved and not one.resolved and not dismissed:
                self._dismiss(one, topology, dismissed=True)
            elif dismissed and one.incident_id not in resolved:
                one.resolved = False
                self._dismiss(one, topology, dismissed=False)

    def _known(self, topology: Topology) -> Groups:
        if self.groups is None:
            self.groups = self.order.view(topology, 0.0).groups
        return self.groups

    def _dismiss(self, one: Told, topology: Topology, *, dismissed: bool) -> None:
        """What a person does has its turn after all that has been read."""
        settled = self.settled(topology)
        group = group_of(one, settled)
        if group is not None:
            self.put(settled | {group.id: replace(group, dismissed=dismissed)})

    def take(
        self, reads: Iterable[Read], topology: Topology, clock_s: float, now_s: float
    ) -> list[Command]:
        """Take in detections; `clock_s` is the event time up to which everything has been heard,
        `now_s` the wall clock."""
        before = self._known(topology)
        for read in reads:
            self.order.add(read)
        view = self.order.view(topology, clock_s)
        commands = self._news(before, view, topology, now_s)
        self.groups = view.groups
        self._forget(self.order.settle(topology, clock_s))
        self.due_s = self._next_due_s(view)
        return commands

    def _next_due_s(self, view: View) -> tuple[float, float]:
        told = {one.group for one in self.book.values()}
        waits = [g for g in view.groups.values() if not g.opened and g.id not in told]
        settled = [over_s(group) + HOLD_S for group in view.ended if group.id in told]
        return (
            min([next_due_s(view.groups), *settled]),
            min((_opens_at_s(group, view) for group in waits), default=float("inf")),
        )

    def _news(self, before: Groups, view: View, topology: Topology, now_s: float) -> list[Command]:
        """What is to be told of a view."""
        everything = {group.id: group for group in view.ended} | view.groups
        mine = self._by_group(everything)
        commands: list[Command] = []
        for group in sorted(everything.values(), key=lambda group: group.number):
            known = mine.get(group.id, [])
            if not known and not group.opened and now_s < _opens_at_s(group, view):
                continue
            one = choose(known, group) or new_told(group, self.book, now_s)
            for other in known:
                if other is not one and not other.into:
                    commands.append(tell_merged(other, one, _parts(other, before, group)))
            commands += tell(one, group, topology)
            if group.id not in view.groups:
                commands += tell_ended(one, group)
        return commands

    def _by_group(self, groups: Groups) -> dict[str, list[Told]]:
        """Incidents by their group; one whose group could not be read is left alone."""
        found: dict[str, list[Told]] = {}
        for one in list(self.book.values()):
            group = group_of(one, groups)
            if group is not None:
                found.setdefault(group.id, []).append(one)
            elif not one.into:
                del self.book[one.incident_id]
        return found

    def _forget(self, ended: Iterable[Group]) -> None:
        """Groups that ended for good take what was told of them along."""
        over = {group.id for group in ended}
        gone = {one.incident_id for one in self.book.values() if one.group in over and not one.into}
        merged = [one for one in self.book.values() if one.into]
        gone |= {
            one.incident_id
            for one in merged
            if (last := survivor(one, self.book)).into or last.incident_id in gone
        }
        merged = [one for one in merged if one.incident_id not in gone]
        merged.sort(key=lambda one: (one.opened_s, one.incident_id))
        gone |= {one.incident_id for one in merged[:-_MAX_MERGED]}
        for name in gone:
            del self.book[name]

    def put(self, settled: Groups) -> None:
        """Have groups as a person has changed them."""
        self.order.put(settled)
        self.groups = dict(settled)

    def settled(self, topology: Topology) -> Groups:
        """A copy of the groups, with all settled that has been read."""
        self._forget(self.order.settle_all(topology))
        return dict(self.order.settled)


def _opens_at_s(group: Group, view: View) -> float:
    """Wall clock: when an incident is told of at the latest, however slow the partitions are."""
    read = [view.read_s[name] for name in group.members if name in view.read_s]
    return min(read, default=float("-inf")) + HOLD_AT_MOST_S


def _parts(gone: Told, before: Groups, group: Group) -> list[str]:
    """Detections that were an incident's own until now."""
    known = before.get(gone.group)
    return [] if known is None else sorted(known.members.keys() & group.members.keys())
