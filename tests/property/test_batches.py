"""Batch records read in columns are what they are when each is read with care."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agents.intake import gather
from agents.intake.batches import read_batches
from agents.intake.gather import Gatherer
from liveops.kafka.partitioning import partition_of
from liveops.windows.state import Limits, Outputs, PartitionState
from schema.times import format_time
from schema.topics import RAW

PARTITIONS = 2
NOW_S = 1_763_928_000.0
ID = "b4bd8e47-2d0c-4d9a-8a56-6bb1b0a3ba3c"

TIMES = st.none() | st.sampled_from([NOW_S, NOW_S - 3.5, NOW_S + 1e6, "soon", format_time(NOW_S)])
GOOD = st.fixed_dictionaries(
    {"metric_type": st.sampled_from("ab"), "value": st.integers(-3, 3)},
    optional={"tags": st.just({"k": "v"}), "timestamp": TIMES},
)
FLAWS: list[dict[str, Any]] = [
    {"value": "x"}, {"value": 1e400}, {"service_name": "other"}, {"service_name": "shop"},
    {"id": ID}, {"id": "none"}, {"unit": "s"}, {"metric_type": ""}, {"timestamp": "soon"},
]  # fmt: skip
ODD = st.builds(lambda item, flaw: item | flaw, GOOD, st.sampled_from(FLAWS))
SERVICES = st.sampled_from(["shop", "cart", "pay", "mail"])
ITEMS = st.lists(GOOD, max_size=4) | st.lists(GOOD | ODD, max_size=3)
WRAPPERS: list[dict[str, Any]] = [
    {}, {}, {"tags": {}}, {"timestamp": NOW_S}, {"value": 1}, {"metric_type": "a"}, {"id": ID},
]  # fmt: skip
BATCHES = st.builds(
    lambda name, items, more: {"service_name": name, "metrics": items, **more},
    SERVICES, ITEMS, st.sampled_from(WRAPPERS),
)  # fmt: skip
#: Every series, so that all are known.
SEEN = [
    {"service_name": name, "metric_type": kind, "value": 1, **tags}
    for name in ("shop", "cart", "pay", "mail")
    for kind in "ab"
    for tags in ({}, {"tags": {"k": "v"}})
]
SINGLES = st.builds(lambda name, item: {"service_name": name, **item}, SERVICES, GOOD)
LOGS = st.lists(BATCHES | BATCHES | SINGLES, min_size=1, max_size=25)


def records_of(log: list[dict[str, Any]]) -> list[Any]:
    return [
        SimpleNamespace(
            offset=at, timestamp=int(NOW_S * 1000) + at, headers=(), value=json.dumps(item).encode()
        )
        for at, item in enumerate(log)
    ]


def gathered(log: list[dict[str, Any]]) -> tuple[Any, ...]:
    """What the log gives once all series are known."""
    state = PartitionState(partition_of("shop", PARTITIONS), lambda service, start: None)  # type: ignore[arg-type,return-value] # nothing is loaded
    gatherer = Gatherer(state, Limits(), PARTITIONS, 1e5)
    records = records_of(log)
    gatherer.gather(RAW, records_of(SEEN), (), Outputs())
    state.replay_until.clear()
    for service in state.by_number:
        service.offsets.clear()
    found = gatherer.gather(RAW, records, (), Outputs())
    rows = found.rows
    columns = (list(rows.series), list(rows.values), list(rows.times_s), list(rows.record))
    faults = [(fault.reason, fault.index, place) for fault, place, _ in found.faults]
    return columns, rows.ids, found.forwards, faults


@example([{"service_name": "shop", "metrics": [{**SEEN[0], "service_name": "other"}]}])
@given(LOGS)
def test_in_columns_as_with_care(log: list[dict[str, Any]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gather, "_SLICE", 7)
        quick = gathered(log)
        patch.setattr(gather, "read_batches", lambda *args: read_batches([], *args[1:]))
        assert quick == gathered(log)
