"""The correlator's state, offset and commands, all in the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import structlog

from liveops.errors import OffsetMoved
from liveops.incidents.correlator import Correlator
from liveops.incidents.order import Order
from liveops.incidents.state import Group, Groups, Read
from liveops.incidents.telling import Told
from liveops.metrics.worker import BAD_INTERNAL_RECORDS
from liveops.postgres.queries import load
from schema.rules import Edge

log = structlog.get_logger(__name__)
#: The table of open groups.
GROUPS = "correlation_groups"
_T = TypeVar("_T")
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Place:
    """Where the correlator is in its partition.

    First offset not folded yet, how many transactions there were, and the event time that is
    settled.
    """

    offset: int
    revision: int
    settled_s: float


async def lock_offset(con: Any, topic: str, partition: int) -> Place:
    """Where the correlator is; nobody else folds until the transaction ends."""
    queries = load("correlation")
    row = await con.fetchrow(queries["lock_offset"], topic, partition)
    if row is None:
        await con.execute(queries["begin_offset"], topic, partition)
        row = await con.fetchrow(queries["lock_offset"], topic, partition)
    return Place(int(row["next_offset"]), int(row["revision"]), row["settled_s"])


@dataclass(slots=True)
class Kept:
    """The correlator as it was after a transaction, and what of it is stored."""

    revision: int
    correlator: Correlator
    groups: Groups
    waiting: frozenset[int]
    told: dict[str, bytes]


async def load_correlator(con: Any, place: Place) -> Kept:
    """The correlator as it is stored."""
    queries = load("correlation")
    groups = {one.id: one for one in _read(await con.fetch(queries["groups"]), Group)}
    waiting = _read(await con.fetch(queries["waiting"]), Read)
    told = {one.incident_id: one for one in _read(await con.fetch(queries["told"]), Told)}
    correlator = Correlator(Order(dict(groups), waiting, place.settled_s), told)
    offsets = frozenset(one.offset for one in waiting)
    return Kept(place.revision, correlator, groups, offsets, _encoded(told))


def _read(rows: Iterable[Any], kind: Callable[..., _T]) -> list[_T]:
    found: list[_T] = []
    for row in rows:
        try:
            found.append(msgspec.convert(row["state"], kind))
        except msgspec.ValidationError as error:
            BAD_INTERNAL_RECORDS.labels(GROUPS).inc()
            log.error("unreadable state, its incident is left alone", error=str(error))
    return found


def _encoded(told: dict[str, Told]) -> dict[str, bytes]:
    return {name: _encode(one) for name, one in told.items()}


async def resolved_of(con: Any, correlator: Correlator) -> set[str]:
    """Incidents that are resolved, of those it tells of."""
    current = sorted(one.incident_id for one in correlator.book.values() if not one.into)
    if not current:
        return set()
    rows = await con.fetch(load("correlation")["resolved"], current)
    return {str(row["id"]) for row in rows}


async def save_correlator(
    con: Any, kept: Kept, topic: str, partition: int, place: Place, new: int
) -> None:
    """Write what changed, and move on to offset `new`; raises OffsetMoved."""
    order, book = kept.correlator.order, kept.correlator.book
    groups = [one for name, one in order.settled.items() if kept.groups.get(name) is not one]
    await _save(con, "group", [(one.id, one) for one in groups], kept.groups.keys() - order.settled)
    kept.groups = dict(order.settled)
    waiting = {one.offset: one for one in order.waiting}
    fresh = [(offset, one) for offset, one in waiting.items() if offset not in kept.waiting]
    await _save(con, "waiting", fresh, kept.waiting - waiting.keys())
    kept.waiting = frozenset(waiting)
    told = _encoded(book)
    newer = [(name, book[name]) for name in told if told[name] != kept.told.get(name)]
    await _save(con, "told", newer, kept.told.keys() - told)
    kept.told = told
    query = load("correlation")["advance_offset"]
    moved = await con.fetchval(query, topic, partition, place.offset, new, order.settled_s)
    if moved is None:
        raise OffsetMoved(f"{topic}/{partition}: the stored offset is not {place.offset}")
    kept.revision = int(moved)


async def _save(con: Any, table: str, rows: list[tuple[Any, Any]], gone: Collection[Any]) -> None:
    queries = load("correlation")
    if rows:
        states = [(key, msgspec.to_builtins(state)) for key, state in sorted(rows, key=_first)]
        await con.executemany(queries[f"save_{table}"], states)
    if gone:
        await con.execute(queries[f"delete_{table}"], sorted(gone))


def _first(row: tuple[Any, Any]) -> Any:
    return row[0]


async def learned_edges(con: Any) -> list[Edge]:
    """Edges learned from peer tags."""
    rows = await con.fetch(load("correlation")["learned_edges"])
    return [Edge(caller=r["caller"], callee=r["callee"], source="learned") for r in rows]
