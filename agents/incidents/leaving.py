"""Series and services that leave the detectors: too many, or deleted by a person."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from liveops.detection.forgetting import excess_of, forget_presence, forget_series
from liveops.detection.report import Outcome
from liveops.metrics.detection import SERIES_FORGOTTEN

if TYPE_CHECKING:
    from agents.incidents.detect import DetectAgent

#: Series that the detectors of one partition know at most.
MAX_SERIES = 50_000
#: Above it so many are forgotten at once: looking for the oldest costs a walk over all.
_SHARE_FORGOTTEN = 0.05
#: Services or series before others get their turn on the loop.
YIELD_EVERY = 50


async def make_room(agent: DetectAgent, partition: int) -> None:
    """Let the longest silent series of a partition go when it has too many."""
    services = agent.services
    excess = services.excess(partition, MAX_SERIES)
    if not excess:
        return
    count = min(excess + int(MAX_SERIES * _SHARE_FORGOTTEN), MAX_SERIES)
    reason = f"forgotten: over {MAX_SERIES} series are watched, this one was silent longest"
    # In a thread: a walk over all of them would hold the loop. The lock keeps them still.
    leaving = await asyncio.to_thread(excess_of, services.here(partition), count)
    for number, (service, key) in enumerate(leaving):
        if number % YIELD_EVERY == 0:
            await asyncio.sleep(0)
        outcome, watched = Outcome(), services.by_name.get(service)
        if watched is None or key not in watched.state.series:
            continue  # revoked meanwhile
        forget_series(watched.state, key, reason, outcome)
        if not watched.state.series:
            forget_presence(watched.state, reason, outcome)
        await agent.publish(watched, outcome)
        SERIES_FORGOTTEN.labels("too_many").inc()
        if not watched.state.series and services.by_name.get(service) is watched:
            services.drop(service)


async def forget_deleted(agent: DetectAgent, service: str) -> bool:
    """Forget a service that is no more and has not reported since; False when it lives."""
    watched = agent.services.by_name[service]
    if watched.state.presence.broker_s > agent.config.deleted.get(service, 0.0):
        return False
    outcome = Outcome()
    reason = "the service was deleted"
    for key in list(watched.state.series):
        forget_series(watched.state, key, reason, outcome)
    forget_presence(watched.state, reason, outcome)
    await agent.publish(watched, outcome)
    SERIES_FORGOTTEN.labels("deleted").inc(len(outcome.forgotten))
    agent.services.drop(service)
    return True
