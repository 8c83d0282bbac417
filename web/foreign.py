"""What ways in of other programs have in common: names they have met, and what is told of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import structlog
from aiohttp import web

from liveops.deps import Deps
from liveops.intake.cumulative_histograms import LastHistograms
from liveops.intake.foreign_items import ForeignItems, Record, told
from liveops.intake.foreign_series import Naming
from liveops.kafka.ingest import publish_records
from liveops.metrics.windows import FOREIGN_REFUSED, METRICS_ACCEPTED, SERIES_ENDED
from liveops.settings import Settings, listed
from liveops.slices import Slices
from web.admission import Admission, Place
from web.ingest import may_write

log = structlog.get_logger(__name__)
PROTOBUF = "application/x-protobuf"
#: Names that are remembered, and histograms; each of the two ways has its own.
NAMES_BYTES, HISTOGRAMS_BYTES = 64 * 1024 * 1024, 32 * 1024 * 1024
#: How often a way tells of what it refuses.
_TELL_EVERY_S = 60.0


class ForeignWay:
    """One way in: `name` in metrics and logs, `ticks` of its time a second."""

    def __init__(self, deps: Deps, admission: Admission, name: str, ticks: float) -> None:
        self._deps = deps
        self._admission = admission
        self._name = name
        self._ticks = ticks
        self._told_s = -_TELL_EVERY_S
        self.last_histograms = LastHistograms(HISTOGRAMS_BYTES)

    def enter(self, request: web.Request) -> Place:
        """A place for a request; raises Problem(429) or Unavailable("kafka")."""
        return self._admission.enter(self._name, request)

    def items(self, request: web.Request) -> ForeignItems:
        """For the values of one request."""
        principal = request["principal"]
        return ForeignItems(
            lambda service: may_write(principal, service),
            self._deps.clock.now_s(),
            self._deps.settings.raw_retention_days * 86_400.0,
            self._ticks,
        )

    async def publish(self, reading: Iterator[None], items: ForeignItems) -> None:
        """Read all, and wait until the broker has what is good; raises Unavailable."""
        await publish_records(self._admission.sends, _records(reading, items))
        METRICS_ACCEPTED.inc(items.taken)
        SERIES_ENDED.labels(self._name).inc(items.ended)
        for reason, count in items.refused.items():
            FOREIGN_REFUSED.labels(self._name, reason).inc(count)
        now_s = self._deps.clock.now_s()
        if items.refused and now_s - self._told_s >= _TELL_EVERY_S:
            self._told_s = now_s
            log.warning(
                "values refused; told once a minute",
                way=self._name,
                refused=told(items.refused, items.first_fault),
                accepted=items.taken,
            )


def naming_of(settings: Settings) -> Naming:
    """How labels become ours, as it is set."""
    return Naming(
        listed(settings.service_labels),
        listed(settings.counter_names),
        listed(settings.gauge_names),
    )


async def in_slices(steps: Iterator[None]) -> None:
    """Take every step; the others run in between."""
    slices = Slices()
    for _ in steps:
        if slices.is_over:
            await slices.rest()


def _records(reading: Iterator[None], items: ForeignItems) -> Iterator[Sequence[Record]]:
    for _ in reading:
        yield items.full()
    for record in items.rest():
        yield [record]
