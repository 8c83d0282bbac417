"""Offsets in the state: what was applied before is not applied again."""

from __future__ import annotations

import orjson

from liveops.windows.state import WindowLimits
from schema.topics import RAW, RAW_KEYED
from tests.windows_model import Log, right_partition

MINUTE = 1_700_000_100
SERVICE = "shop"
HOME = right_partition(SERVICE, 2)


def fill(log: Log, partition: int, count: int, first: int = 0) -> None:
    for n in range(first, first + count):
        item = {"service_name": SERVICE, "metric_type": "cpu", "value": n, "timestamp": MINUTE}
        log.append(partition, MINUTE + 1, item)


def total(log: Log) -> tuple[int, float]:
    """Count and sum of the quarter of an hour when all is read."""
    log.finish(MINUTE + 5000)
    (got,) = [g for key, g in log.final().items() if key[3] == "15m"]
    return got["count"], got["sum"]


def test_replayed_records_are_skipped_after_recovery() -> None:
    log = Log(2, WindowLimits())
    fill(log, HOME, 10)
    log.read(HOME, RAW, 10)
    log.checkpoint(HOME)
    log.owners[HOME].committed[RAW] = 4
    log.crash(HOME, 0)
    fill(log, HOME, 1, first=10)
    assert total(log) == (11, 55.0)


def test_a_forward_repeated_after_a_crash_counts_once() -> None:
    log = Log(2, WindowLimits())
    fill(log, 1 - HOME, 5)
    log.read(1 - HOME, RAW, 5)
    log.read(HOME, RAW_KEYED, 5)
    log.checkpoint(HOME)
    log.crash(1 - HOME, 0)
    assert total(log) == (5, 10.0)
    forwards = [r for r in log.records[(RAW_KEYED, HOME)] if r.value is not None]
    assert len(forwards) == 10


def test_pending_outputs_are_sent_again_byte_for_byte() -> None:
    log = Log(2, WindowLimits())
    fill(log, HOME, 1)
    log.read(HOME, RAW, 1)
    log.owners[HOME].windows.tick(MINUTE + 75)
    log.crash(HOME, 0, sent=True)
    first = list(log.published)
    assert first
    log.checkpoint(HOME)
    assert log.published == [*first, *first]


def test_a_forwarded_record_on_the_wrong_partition_again_is_misrouted() -> None:
    log = Log(2, WindowLimits())
    fill(log, 1 - HOME, 1)
    log.read(1 - HOME, RAW, 1)
    log.records[(RAW_KEYED, 1 - HOME)] = log.records.pop((RAW_KEYED, HOME))
    log.read(1 - HOME, RAW_KEYED, 1)
    assert log.faults == ["misrouted"]
    assert not log.records[(RAW_KEYED, HOME)]


def test_odd_spellings_of_a_series_are_one_series() -> None:
    log = Log(1, WindowLimits())
    for text in (
        '{"service_name":"shop","metric_type":"cpu","value":1,"tags":{"a":"1","b":"2"}}',
        '{ "tags": {"b": "2", "a": "1"}, "value": 2.0, "metric_type": "cpu", '
        '"service_name": "shop" }',
        '{"service_name":"shop","metrics":[{"metric_type":"cpu","value":3,'
        '"tags":{"b":"2","a":"1"},"timestamp":"2023-11-14T22:15:01Z"}]}',
    ):
        log.append(0, MINUTE + 1, value=text.encode())
        log.append(0, MINUTE + 1, value=text.encode())
    assert total(log) == (6, 12.0)


def test_bad_items_are_named_and_the_good_ones_count() -> None:
    log = Log(1, WindowLimits())
    good = {"metric_type": "cpu", "value": 1.0}
    bad = [{"metric_type": "cpu", "value": "x"}, {"metric_type": "cpu"}, 7]
    stranger = {"metric_type": "cpu", "value": 1.0, "service_name": "other"}
    batch = {"service_name": "shop", "metrics": [good, *bad, stranger, good]}
    log.append(0, MINUTE + 1, value=orjson.dumps(batch))
    log.append(0, MINUTE + 1, value=orjson.dumps(batch))
    for garbage in (b"{", b"", b"\xff\xfe", b"[]", b'{"service_name":"shop"}'):
        log.append(0, MINUTE + 1, value=garbage)
    assert total(log) == (4, 4.0)
    assert log.faults.count("invalid") == 8 + 2
    assert sorted(set(log.faults)) == ["empty", "invalid", "not_json", "not_utf8"]


def of_each(*names: str) -> bytes:
    """A record with a value of each service."""
    return orjson.dumps([
        {"service_name": name, "metric_type": "cpu", "value": 1, "timestamp": MINUTE}
        for name in names
    ])  # fmt: skip


def names_of(partitions: int) -> list[str]:
    """A service of each partition, in their order."""
    found: dict[int, str] = {}
    for number in range(100):
        found.setdefault(right_partition(f"s{number}", partitions), f"s{number}")
    return [found[home] for home in range(partitions)]


def test_a_record_of_several_services_goes_once_to_each_of_their_partitions() -> None:
    log = Log(3, WindowLimits())
    zero, one, two = names_of(3)
    value = of_each(one, two, zero, one, two, one)
    log.append(0, MINUTE + 1, value=value)
    log.append(0, MINUTE + 1, value=of_each(two))
    log.read(0, RAW, 2)
    forwarded = [[r.value for r in log.records[(RAW_KEYED, home)]] for home in range(3)]
    assert forwarded == [[], [value], [value, of_each(two)]]
    log.finish(MINUTE + 5000)
    found = {key[0]: got["count"] for key, got in log.final().items() if key[3] == "15m"}
    assert found == {zero: 1, one: 3, two: 3}
    assert not log.faults


def test_of_a_forwarded_record_each_partition_takes_its_own_and_none_is_misrouted() -> None:
    log = Log(3, WindowLimits())
    zero, one, two = names_of(3)
    log._put(RAW_KEYED, 1, MINUTE + 1, of_each(zero, one, two), ())
    log.read(1, RAW_KEYED, 1)
    assert not log.faults
    log._put(RAW_KEYED, 1, MINUTE + 1, of_each(zero, two, zero), ())
    log.read(1, RAW_KEYED, 1)
    assert log.faults == ["misrouted"]
