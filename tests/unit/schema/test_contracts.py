"""Data contracts: round trips and ids."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec import structs

from liveops.windows.block import Block
from liveops.windows.points import aggregates
from liveops.windows.state import ServiceWindows
from schema.ids import derived_id
from schema.series import SeriesId, series_key
from schema.times import format_time, parse_time_s
from schema.topics import TOPICS
from schema.windows import read_window, write_window


def test_an_aggregate_survives_its_record() -> None:
    service = ServiceWindows("shop", 0, series=[SeriesId("shop", "cpu", (("a", "1"), ("b", "2")))])
    block = Block()
    values = np.array([1.0, -2.5, 0.0])
    block.add(np.zeros(3, np.int64), values, np.full(3, 1_700_000_001.5))
    window = ("1m", 60, 1_700_000_100)
    (plain,) = aggregates(service, block, window, np.array([0]), elapsed_s=60)
    got = structs.replace(plain, backfill=True, revision=3)
    assert read_window(write_window(got)) == got


def test_times_are_utc_with_z() -> None:
    assert format_time(1_700_000_000.25) == "2023-11-14T22:13:20.250000Z"
    assert parse_time_s("2023-11-14T23:13:20+01:00") == 1_700_000_000.0
    with pytest.raises(ValueError, match="RFC 3339"):
        parse_time_s("2023-11-14T23:13:20")


def test_ids_tell_their_parts_apart() -> None:
    assert derived_id("a", "bc") != derived_id("ab", "c")
    assert series_key("cpu", {"b": "2", "a": "1"}) == "cpu{a=1,b=2}"


def test_topics_have_the_retentions_of_the_contract() -> None:
    days = {spec.name: spec.retention_ms / 86_400_000 for spec in TOPICS}
    assert days["metrics.raw"] == 7
    assert days["metrics.aggregated"] == 30
    assert days["metrics.deadletter"] == 7
    for name in ("incidents.detected", "incidents.updated", "analysis.completed"):
        assert days[name] == 90
