"""What is remembered of series that are gone goes with them."""

from __future__ import annotations

from typing import Any, cast

from agents.incidents.remembering import KEEP_EVERY_S, Remembering
from agents.incidents.watched import WatchedServices
from agents.incidents.window_records import WindowRecord
from liveops.clock import FakeClock
from liveops.detection.engine import observe
from liveops.detection.rulebook import RuleBook
from tests.aggregates import rule, window


class NoStore:
    """PostgreSQL that knows nothing."""

    def connection(self) -> NoStore:
        return self

    async def __aenter__(self) -> NoStore:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def fetch(self, *_: object) -> list[Any]:
        return []


async def test_a_series_is_kept_each_hour_and_dead_services_leave_nothing() -> None:
    clock = FakeClock(1_700_000_000.0)
    remembering = Remembering(cast(Any, NoStore()), clock)
    services, book = WatchedServices(1), RuleBook([rule("ensemble")], ())
    services.learned.obey(book)
    kept: list[str] = []
    for number in range(300):
        service = f"pod-{number}"
        item = window(number, 1.0, service_name=service)
        record = WindowRecord(number, service, [item], None)
        await remembering.recall(services, book, [record])
        opinions = services.learned.judge(record.seen(), book, services.closed_s)
        watched = services.get(service)
        services.note(watched, observe(watched.state, [item], book, None, opinions))
        clock.advance(KEEP_EVERY_S)
        kept += [one.service for one in remembering.due(services)]
        if number >= 5:
            services.drop(f"pod-{number - 5}")
    assert set(kept) >= {f"pod-{number}" for number in range(290)}
    assert len(remembering._saved_s) < 20
    assert len(remembering._asked) < 20
