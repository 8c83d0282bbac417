"""Deliveries that are due → receivers. At least once; by one copy at a time.

A delivery is taken in hand, sent and noted as sent. A process that dies in between leaves
it to the next one when its lease is over: that one repeats it, with the same id.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from liveops.clock import Clock
from liveops.errors import LiveOpsError, Unavailable
from liveops.metrics.notify import NOTIFICATION_SECONDS, NOTIFICATIONS
from liveops.notify.digest import digest_of, room
from liveops.notify.message import Notice, is_of_silence
from liveops.notify.receiver import READ_BY_PEOPLE, Receiver
from liveops.notify.retrying import is_over, pause_s
from liveops.notify.sender import DEADLINE_S, Outcome, Sender
from liveops.postgres import deliveries as store
from liveops.postgres.database import Database
from liveops.postgres.deliveries import LEASE_S, Claimed
from liveops.postgres.receivers import fetch_receiver
from liveops.runtime.ending import end

log = structlog.get_logger(__name__)
#: Messages on their way to one receiver, so that one that hangs holds up no other.
MAX_IN_HAND = 32


@dataclass(frozen=True, slots=True)
class Links:
    """Where people open the dashboard; "" when that is not known."""

    public_url: str

    def incident(self, incident_id: str) -> str:
        return f"{self.public_url.rstrip('/')}/#/incidents/{incident_id}" * bool(self.public_url)

    def silences(self) -> str:
        return f"{self.public_url.rstrip('/')}/#/silences" * bool(self.public_url)

    def incidents(self) -> str:
        return f"{self.public_url.rstrip('/')}/#/incidents" * bool(self.public_url)


class Deliverer:
    """Takes in hand what is due, and sends each receiver's side by side."""

    def __init__(self, database: Database, sender: Sender, clock: Clock, links: Links) -> None:
        self._database = database
        self._sender = sender
        self._clock = clock
        self._links = links
        self._in_hand: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        #: Set when something has left: there may be room for more.
        self.left = asyncio.Event()

    async def start_due(self) -> int:
        """Begin to send what is due and has room; how many. Raises Unavailable."""
        started = 0
        for receiver_id, count in (await store.waiting(self._database)).items():
            if self._in_hand[receiver_id] >= MAX_IN_HAND:
                continue
            try:
                receiver, _ = await fetch_receiver(self._database, receiver_id)
                started += await self._start(receiver, count)
            except Unavailable:
                raise
            except LiveOpsError as error:
                log.warning("receiver left out", receiver=receiver_id, error=str(error))
        return started

    async def stop(self) -> None:
        """Give what is on its way its deadline, then leave it to the next sender."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=DEADLINE_S / 2)
        await end(*self._tasks)

    async def _start(self, receiver: Receiver, count: int) -> int:
        in_hand, together = self._in_hand[receiver.id], False
        take = min(count, MAX_IN_HAND - in_hand)
        if receiver.kind in READ_BY_PEOPLE:
            sent = await store.sent_of_late(self._database, receiver.id)
            take, together = room(sent, in_hand, count)
            take = take if together else min(take, MAX_IN_HAND - in_hand)
        if take <= 0:
            return 0
        claimed = await store.claim(self._database, receiver.id, take)
        parts = [claimed] if together else [[one] for one in claimed]
        until_s = self._clock.monotonic_s() + LEASE_S - DEADLINE_S
        for part in filter(None, parts):
            self._in_hand[receiver.id] += 1
            task = asyncio.create_task(self._deliver(receiver, part, until_s))
            self._tasks.add(task)
            task.add_done_callback(lambda done: self._done(done, receiver.id))
        return len(claimed)

    def _done(self, task: asyncio.Task[None], receiver_id: str) -> None:
        self._tasks.discard(task)
        self._in_hand[receiver_id] -= 1
        self.left.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a delivery was left to the next sender", exc_info=error)

    async def _deliver(self, receiver: Receiver, part: Sequence[Claimed], until_s: float) -> None:
        notices = [await self._notice(receiver, one) for one in part]
        if self._clock.monotonic_s() > until_s:
            return  # frozen meanwhile: it may be another's by now
        if len(notices) == 1:
            outcome = await self._sender.send(receiver, notices[0])
        else:
            digest = digest_of(notices, self._links.incidents())
            outcome = await self._sender.send(receiver, digest)
        await self._note(receiver, part, outcome)

    async def _notice(self, receiver: Receiver, one: Claimed) -> Notice:
        reference = ""
        if receiver.kind == "slack":
            reference = await store.reference_of(self._database, one)
        notice = Notice(
            one.delivery_id, one.event, one.incident, self._clock.now_s(),
            self._links.incident(one.incident_id), reference,
        )  # fmt: skip
        return replace(notice, link=self._links.silences()) if is_of_silence(notice) else notice

    async def _note(self, receiver: Receiver, part: Sequence[Claimed], outcome: Outcome) -> None:
        if outcome.delivered:
            await store.record_delivered(
                self._database, part, part[0].delivery_id, outcome.reference
            )
            NOTIFICATIONS.labels("delivered").inc()
            for one in part:
                NOTIFICATION_SECONDS.observe(max(0.0, self._clock.now_s() - one.due_s))
            return
        chance = random.random()  # noqa: S311 - spreads retries, protects nothing
        pause = pause_s(part[0].attempts, outcome.wait_s, chance)
        if outcome.again and not is_over(part[0].failing_s, pause):
            NOTIFICATIONS.labels("retried").inc()
            await store.record_again(self._database, part, pause, outcome.detail)
            return
        NOTIFICATIONS.labels("failed").inc()
        log.error(
            "a receiver was not told and will not be",
            receiver=receiver.name,
            deliveries=len(part),
            incident=part[0].incident_id,
            error=outcome.detail,
        )
        await store.record_failed(self._database, part, outcome.detail)
