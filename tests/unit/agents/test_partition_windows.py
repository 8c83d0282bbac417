"""Offsets in the state: what was applied before is not applied again."""

from __future__ import annotations

import orjson

from agents.decode import Place, decode_record
from agents.partition_windows import PartitionWindows, Record
from liveops.windows.fold import Limits
from tables.windows import decode_service, encode_header, encode_minute

MINUTE = 1_700_000_100


def record(offset: int, value: float, at_s: float, *, keyed: int | None = None) -> Record:
    item = {"service_name": "shop", "metric_type": "cpu", "value": value, "timestamp": at_s}
    place = Place("metrics.raw", 0 if keyed is None else 1, offset, at_s)
    return Record(place, decode_record(orjson.dumps(item), place, 1e9), keyed)


def total(windows: PartitionWindows) -> tuple[int, float]:
    summaries = [s for m in windows.services["shop"].minutes.values() for s in m.values()]
    return sum(s.count for s in summaries), sum(s.total for s in summaries)


def recovered(windows: PartitionWindows) -> PartitionWindows:
    """The same windows as a worker finds them in the table after a crash."""
    state = windows.services["shop"]
    minutes = {start: encode_minute(state, start) for start in state.minutes}
    header = encode_header(state, windows.time_s, windows.pending.get("shop", []))
    kept = {start: value for start, value in minutes.items() if value is not None}
    again = PartitionWindows(Limits())
    again.services["shop"], again.time_s, again.pending["shop"] = decode_service(
        "shop", header, kept
    )
    return again


def test_replayed_records_are_skipped_after_recovery() -> None:
    windows = PartitionWindows(Limits())
    records = [record(n, n + 0.5, MINUTE + n) for n in range(10)]
    windows.take(records)
    again = recovered(windows)
    again.take(records[4:])
    assert total(again) == total(windows) == (10, 50.0)
    again.take([record(10, 1.0, MINUTE + 11)])
    assert total(again) == (11, 51.0)


def test_a_forward_repeated_after_a_crash_counts_once() -> None:
    windows = PartitionWindows(Limits())
    windows.take([record(5, 1.0, MINUTE, keyed=0)])
    windows.take([record(5, 1.0, MINUTE, keyed=1)])
    windows.take([record(6, 2.0, MINUTE, keyed=2)])
    assert total(windows) == (2, 3.0)


def test_pending_outputs_survive_byte_for_byte() -> None:
    windows = PartitionWindows(Limits())
    windows.take([record(0, 1.0, MINUTE), record(1, 1.0, MINUTE + 75)])
    assert windows.pending["shop"]
    assert recovered(windows).pending["shop"] == windows.pending["shop"]
