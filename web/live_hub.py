"""What arrives, joined every few milliseconds into one message and written once for all alike."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

#: Messages of so long are joined: hundreds of clients get fewer, larger ones.
GATHER_S = 0.01
#: What was published just before a snapshot was read may arrive so long after it.
SEAM_S = 2.0


class Told(Protocol):
    """Where a client's messages are queued."""

    def offer_json(self, message: bytes, count: int) -> None: ...

    def missed(self, count: int) -> None: ...


@dataclass(slots=True, eq=False)
class Follower:
    """A client and the services it wants, all where it names none.

    `known` holds ids of its snapshot while they may arrive once more.
    """

    told: Told
    wanted: frozenset[str]
    known: set[str] | None = None
    #: What arrived before its snapshot was sent.
    early: list[dict[str, Any]] | None = field(default_factory=list)


class LiveHub:
    """Hands messages of the feed to followers; none waits for another."""

    def __init__(self) -> None:
        self._followers: set[Follower] = set()
        self._metrics: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._dropped: dict[str, int] = defaultdict(int)
        self._due: asyncio.TimerHandle | None = None

    def follow(self, told: Told, wanted: Iterable[str]) -> Follower:
        """A new client; what arrives is kept for it until `begin`."""
        follower = Follower(told, frozenset(wanted))
        self._followers.add(follower)
        return follower

    def begin(self, follower: Follower, known: set[str]) -> None:
        """Its snapshot was sent: from now on it gets what is not among these ids."""
        early, follower.early, follower.known = follower.early or [], None, known
        _tell_unknown(follower, early)
        asyncio.get_running_loop().call_later(SEAM_S, self._forget_seam, follower)

    def leave(self, follower: Follower) -> None:
        """The client is gone."""
        self._followers.discard(follower)

    def take(self, message: dict[str, Any]) -> None:
        """A message of the feed: metrics of one service, and how many it left out."""
        service = message["service_name"]
        self._metrics[service] += message["metrics"]
        # Older feeds do not say.
        self._dropped[service] += message.get("dropped", 0)
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(GATHER_S, self._flush)

    def _flush(self) -> None:
        metrics, self._metrics = self._metrics, defaultdict(list)
        dropped, self._dropped = self._dropped, defaultdict(int)
        self._due = None
        texts = {name: orjson.dumps(items)[1:-1] for name, items in metrics.items() if items}
        alike: dict[frozenset[str], list[Follower]] = defaultdict(list)
        for follower in self._followers:
            alike[follower.wanted].append(follower)
        for wanted, followers in alike.items():
            chosen = [name for name in dropped if not wanted or name in wanted]
            left_out = sum(dropped[name] for name in chosen)
            message = _message(texts[name] for name in chosen if name in texts)
            count = sum(len(metrics[name]) for name in chosen)
            for follower in followers:
                follower.told.missed(left_out)
                if follower.early is not None:
                    follower.early += [one for name in chosen for one in metrics[name]]
                elif follower.known is not None:
                    _tell_unknown(follower, [one for name in chosen for one in metrics[name]])
                elif count:
                    follower.told.offer_json(message, count)

    def _forget_seam(self, follower: Follower) -> None:
        follower.known = None


def _message(metrics: Iterable[bytes]) -> bytes:
    return b'{"type":"metrics","metrics":[' + b",".join(metrics) + b"]}"


def _tell_unknown(follower: Follower, metrics: list[dict[str, Any]]) -> None:
    known = follower.known or set()
    fresh = [one for one in metrics if one.get("id") not in known]
    if fresh:
        follower.told.offer_json(_message([orjson.dumps(fresh)[1:-1]]), len(fresh))
