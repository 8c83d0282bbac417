"""Records read in columns are what they are when each is read with care."""

from __future__ import annotations

import json
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from liveops.intake import decoder as decoding
from liveops.intake.batch_records import read_batch_records
from liveops.intake.decoder import Decoder
from liveops.intake.details import nothing_told
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
#: What belongs to kinds, right and wrong.
HISTOGRAM = {"count": 3, "sum": 4.5, "bounds": [1.0, 2.0], "counts": [1, 0, 2]}
MORE = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(["counter", "counter", "delta", "gauge", "histogram", "other"]),
        "once": st.sampled_from([True, False, 1]),
        "start": st.sampled_from([NOW_S - 60, NOW_S + 60, "soon", format_time(NOW_S - 9), None]),
        "histogram": st.sampled_from([HISTOGRAM, HISTOGRAM | {"count": 4}, None]),
    },
)
KINDS = st.builds(lambda item, more: item | more, GOOD, MORE) | st.builds(
    lambda item: (
        {k: v for k, v in item.items() if k != "value"}
        | {"kind": "histogram", "histogram": HISTOGRAM}
    ),
    GOOD,
)
FLAWS: list[dict[str, Any]] = [
    {"value": "x"}, {"value": 1e400}, {"service_name": "other"}, {"service_name": "shop"},
    {"id": ID}, {"id": "none"}, {"unit": "s"}, {"metric_type": ""}, {"timestamp": "soon"},
]  # fmt: skip
ODD = st.builds(lambda item, flaw: item | flaw, GOOD, st.sampled_from(FLAWS))
SERVICES = st.sampled_from(["shop", "cart", "pay", "mail"])
ITEMS = st.lists(GOOD, max_size=4) | st.lists(GOOD | ODD, max_size=3) | st.lists(KINDS, max_size=3)
WRAPPERS: list[dict[str, Any]] = [
    {}, {}, {"tags": {}}, {"timestamp": NOW_S}, {"value": 1}, {"metric_type": "a"}, {"id": ID},
    {"kind": "counter"}, {"once": True},
]  # fmt: skip
BATCHES = st.builds(
    lambda name, items, more: {"service_name": name, "metrics": items, **more},
    SERVICES, ITEMS, st.sampled_from(WRAPPERS),
)  # fmt: skip
#: Every series, so that all are known.
SEEN = [
    {"service_name": name, "metric_type": metric, "value": 1, **tags, "kind": kind}
    for name in ("shop", "cart", "pay", "mail")
    for metric in "ab"
    for tags in ({}, {"tags": {"k": "v"}})
    for kind in ("gauge", "counter", "delta")
]
COUNTED = {"metric_type": "a", "value": 1, "kind": "counter", "timestamp": NOW_S}
SINGLES = st.builds(lambda name, item: {"service_name": name, **item}, SERVICES, GOOD | KINDS)
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
    told = chunk.details or nothing_told(len(chunk.series))
    details = told.once.tolist(), np.nan_to_num(told.starts_s).tolist()
    named = [chunk.table.ids[number] for number in chunk.series.tolist()]
    return [c.tolist() for c in columns], named, chunk.ids, faults, details, chunk.histograms


@example([{"service_name": "shop", "metrics": [{**SEEN[0], "service_name": "other"}]}])
@example([{"service_name": "shop", "metrics": [{**COUNTED, "start": "soon"}, COUNTED]}])
@example([{"service_name": "shop", "metrics": [{**COUNTED, "start": NOW_S + 60}]}])
@example([{"service_name": "shop", "metrics": [{**COUNTED, "histogram": HISTOGRAM}]}])
@example([{"service_name": "shop", **COUNTED, "histogram": HISTOGRAM}])
@given(LOGS)
def test_in_columns_as_with_care(log: list[dict[str, Any]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "_SLICE", 7)
        quick = decoded(log)
        patch.setattr(
            decoding,
            "read_batch_records",
            lambda *args, plain: read_batch_records([], *args[1:], plain=plain),
        )
        patch.setattr(Decoder, "_kind_numbers", lambda self, wires: [-1] * len(wires))
        assert quick == decoded(log)
