"""Batch records read in columns are what they are when each is read with care."""

from __future__ import annotations

import json
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from liveops.intake import decoder as decoding
from liveops.intake.batch_records import read_batch_records
from liveops.intake.decoder import Decoder
from liveops.kafka.partitioning import partition_of
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


def decoded(log: list[dict[str, Any]]) -> tuple[Any, ...]:
    """What the log gives once all series are known."""
    decoder = Decoder(0, 1e5, partial(partition_of, partitions=PARTITIONS))
    decoder.decode(RAW, records_of(SEEN))
    chunk = decoder.decode(RAW, records_of(log))
    columns = (chunk.series, chunk.values, chunk.times_s, chunk.record, chunk.item)
    faults = [(at, fault.reason, fault.index) for at, fault in chunk.faults]
    return [column.tolist() for column in columns], chunk.ids, faults


@example([{"service_name": "shop", "metrics": [{**SEEN[0], "service_name": "other"}]}])
@given(LOGS)
def test_in_columns_as_with_care(log: list[dict[str, Any]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "_SLICE", 7)
        quick = decoded(log)
        patch.setattr(
            decoding, "read_batch_records", lambda *args: read_batch_records([], *args[1:])
        )
        assert quick == decoded(log)
