"""Whether nobody reports any more, or only some are silent."""

from __future__ import annotations

import pytest

from liveops.incidents.clock import PATIENCE_S
from liveops.incidents.feed import FeedWatch
from schema.incidents import Mark

SILENT = Mark(0, "2026-01-01T00:00:00Z", live=2, silent_s=45.0)


@pytest.mark.parametrize(
    ("other", "silent"),
    [
        (Mark(1, SILENT.watermark, live=1, silent_s=30.0), True),
        (Mark(1, SILENT.watermark, live=1, silent_s=3.0), False),
        (Mark(1, SILENT.watermark, live=0, silent_s=0.0), False),  # two services are too few
    ],
)
def test_all_of_at_least_three_services(other: Mark, silent: bool) -> None:
    watch = FeedWatch()
    watch.mark(SILENT, 0.0)
    watch.mark(other, 1.0)
    assert watch.is_silent(2.0) is silent


def test_a_partition_without_owner_tells_nothing() -> None:
    watch = FeedWatch()
    watch.mark(Mark(0, SILENT.watermark, live=9, silent_s=0.0), 0.0)
    watch.mark(Mark(1, SILENT.watermark, live=3, silent_s=45.0), 1.0)
    assert not watch.is_silent(PATIENCE_S - 1)
    assert watch.is_silent(PATIENCE_S)


def test_nothing_heard_is_no_silence() -> None:
    assert not FeedWatch().is_silent(0.0)
