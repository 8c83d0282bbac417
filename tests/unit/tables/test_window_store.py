"""What a service's values say after a checkpoint that was torn by a crash."""

from __future__ import annotations

import msgspec
import numpy as np

from liveops.windows.block import Block
from liveops.windows.state import PartitionState, ServiceWindows
from schema.series import SeriesId
from tables.pending import Pending
from tables.window_store import WindowStore
from tables.windows import decode_minute, header_key, key_of, minute_key, outline_of
from tests.windows_model import LoggedTable

SERVICE, START, ALL = "shop", 60, (0, 64)
CPU = SeriesId(SERVICE, "cpu", ())


def block_of(*values: float) -> Block:
    block = Block()
    count = len(values)
    block.add(np.zeros(count, np.int64), np.array(values), np.zeros(count))
    return block


def state(store: WindowStore) -> tuple[PartitionState, ServiceWindows]:
    partition = PartitionState(0, store.load_minute)
    service = partition.service(SERVICE)
    service.series, service.numbers = [CPU], {CPU: 0}
    service.last_minute = np.array([START])
    return partition, service


def values_of(table: LoggedTable) -> dict[str, bytes]:
    return {key.split(b"\x00", 1)[1].decode(): value for key, value in table.data.items()}


def torn() -> LoggedTable:
    """A checkpoint at offset 5, and of the next, at 10, the minute but not the header."""
    table = LoggedTable()
    store = WindowStore(table, 0)
    partition, service = state(store)
    service.kept, service.minutes = {START}, {START: block_of(1.0)}
    service.offsets = {0: 5}
    store.write(partition, service, Pending())
    header = table[header_key(SERVICE)]
    service.offsets = {0: 10}
    service.minutes = {START: block_of(1.0, 2.0)}
    store.write(partition, service, Pending())
    table[header_key(SERVICE)] = header
    return table


def test_a_minute_newer_than_the_header_says_so_until_the_replay_has_passed_it() -> None:
    table = torn()
    store = WindowStore(table, 0)
    partition = PartitionState(0, store.load_minute)
    store.load(partition, SERVICE, values_of(table))
    service = partition.services[SERVICE]
    assert service.offsets == {0: 5}
    assert service.replay_floors == {START: {ALL: {0: 10}}}

    # A value that was late is added meanwhile; a second crash must find both offsets.
    service.minutes[START] = store.load_minute(service, START)
    service.minutes[START].add(np.zeros(1, np.int64), np.array([3.0]), np.zeros(1))
    service.offsets = {0: 7}
    store.write(partition, service, Pending())
    assert outline_of(table[minute_key(SERVICE, START, ALL)])[0] == {0: 10}
    assert service.replay_floors == {START: {ALL: {0: 10}}}

    service.offsets = {0: 10}
    store.write(partition, service, Pending())
    assert service.replay_floors == {}


def test_a_piece_of_a_torn_checkpoint_is_forgotten_and_its_number_used_again() -> None:
    table = torn()
    orphan = key_of(SERVICE, "p0")
    table[orphan] = b"of no header"
    store = WindowStore(table, 0)
    partition = PartitionState(0, store.load_minute)
    pending = store.load(partition, SERVICE, values_of(table))
    assert pending == Pending()
    pending.add([("topic", b"value")])
    store.write(partition, partition.services[SERVICE], pending)
    store.clean()  # must not take the new piece for the old one
    again = WindowStore(table, 0).load(
        PartitionState(0, store.load_minute), SERVICE, values_of(table)
    )
    assert again is not None
    assert again.pieces == {0: [("topic", b"value")]}
    pending.pieces.clear()
    store.write(partition, partition.services[SERVICE], pending)
    store.clean()
    assert orphan not in table


def test_an_orphaned_piece_is_deleted_at_the_next_checkpoint() -> None:
    table = torn()
    table[key_of(SERVICE, "p0")] = b"of no header"
    store = WindowStore(table, 0)
    partition = PartitionState(0, store.load_minute)
    store.load(partition, SERVICE, values_of(table))
    store.write(partition, partition.services[SERVICE], Pending())
    assert key_of(SERVICE, "p0") in table  # not before the header is safe
    store.clean()
    assert key_of(SERVICE, "p0") not in table


def test_what_was_stored_before_there_were_kinds_is_read() -> None:
    table = LoggedTable()
    store = WindowStore(table, 0)
    partition, service = state(store)
    service.kept, service.minutes = {START}, {START: block_of(1.0, 2.0)}
    service.offsets, service.unstored_series = {0: 5}, {0}
    store.write(partition, service, Pending())
    former: dict[str, bytes] = {}
    for part, value in values_of(table).items():
        plain = msgspec.msgpack.decode(value, strict=False)
        if part == "h":
            plain[-1] = 2
        elif part[0] == "m":
            plain = plain[:6]
        elif part[0] == "s":
            plain = [None if series is None else series[:3] for series in plain]
        former[part] = msgspec.msgpack.encode(plain)
    again = PartitionState(0, store.load_minute)
    assert WindowStore(table, 0).load(again, SERVICE, former) == Pending()
    read = again.services[SERVICE]
    assert (read.series, read.has_kinds, read.offsets) == ([CPU], False, {0: 5})
    block = Block()
    decode_minute(former[f"m{START}/0-64"], block, ALL)
    assert block.columns(np.array([0]))[0, 0] == 2
    assert block.samples is None


def test_the_last_samples_are_those_that_the_header_knows() -> None:
    table = LoggedTable()
    store = WindowStore(table, 0)
    partition, service = state(store)
    service.note_kind(0, "counter")
    one, cpu = np.array([1.0]), np.array([0])
    service.watermark_s = 1000.0
    service.counters.drop(cpu, np.array([50_000_000]), one)
    store.write(partition, service, Pending())
    header = table[header_key(SERVICE)]
    service.watermark_s = 2000.0
    service.counters.drop(cpu, np.array([900_000_000]), one * 2)
    store.write(partition, service, Pending())

    def last() -> tuple[int, float]:
        read = PartitionState(0, store.load_minute)
        WindowStore(table, 0).load(read, SERVICE, values_of(table))
        us, values = read.services[SERVICE].counters.dropped.of(cpu)
        return int(us[0]), float(values[0])

    assert last() == (900_000_000, 2.0)
    table[header_key(SERVICE)] = header  # the second was torn before its header
    assert last() == (50_000_000, 1.0)
