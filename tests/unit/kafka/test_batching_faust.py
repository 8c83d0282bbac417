"""The private parts of Faust that the batching transport stands on."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Callable
from importlib.metadata import EntryPoint, version
from pathlib import Path
from typing import Any

import faust
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer import fetcher
from faust.transport import drivers
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import ConsumerMessage, Message

from liveops.kafka import batching
from liveops.kafka.batching import Consumer
from liveops.kafka.fetching import FetchWait
from tests.unit.kafka.batching_doubles import (
    OTHER,
    TP0,
    committable,
    consumer,
    fetch,
    record,
)

__all__ = ["consumer"]


def test_the_versions_it_was_written_for() -> None:
    assert (version("faust-streaming"), version("aiokafka")) == ("0.15.3", "0.14.0")


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (driver.Consumer._getmany, "self active_partitions timeout"),
        (driver.Consumer._to_message, "self tp record"),
        (driver.Consumer._add_gap, "self tp offset_from offset_to"),
        (driver.Consumer._new_offset, "self tp"),
        (driver.Consumer.ack, "self message"),
        (driver.Consumer.highwater, "self tp"),
        (driver.Consumer.seek, "self partition offset"),
        (driver.Consumer.perform_seek, "self"),
        (driver.Consumer.on_partitions_revoked, "self revoked"),
        (driver.Consumer._filter_tps_with_pending_acks, "self topics"),
        (fetcher.FetchResult.getall, "self max_records"),
        (fetcher.FetchResult.check_assignment, "self tp"),
        (
            ConsumerMessage.__init__,
            "self topic partition offset timestamp timestamp_type headers key value checksum "
            "serialized_key_size serialized_value_size tp time_in time_out time_total "
            "generation_id",
        ),
    ],
)
def test_signatures(function: Callable[..., Any], parameters: str) -> None:
    assert list(inspect.signature(function).parameters) == parameters.split()


def test_the_methods_faust_calls_are_its_own(consumer: Any) -> None:
    stock = type(consumer).__mro__[1]
    overridden = "_getmany _to_message ack _new_offset _add_gap on_partitions_revoked"
    for name in [*overridden.split(), "perform_seek", "seek"]:
        assert name in vars(Consumer)
        assert callable(getattr(stock, name))
    drain = driver.Consumer._drain_messages.__code__
    assert {"_add_gap", "_read_offset", "getmany"} <= set(drain.co_names) | set(drain.co_varnames)
    assert "_to_message" in driver.Consumer.getmany.__code__.co_names
    assert "_new_offset" in driver.Consumer._filter_committable_offsets.__code__.co_names
    assert "_acked" in driver.Consumer._filter_tps_with_pending_acks.__code__.co_names


def test_attributes(consumer: Any) -> None:
    assert consumer._acked[TP0] == []
    assert consumer._read_offset[TP0] is None
    assert consumer._waiting_for_ack is None
    assert consumer._n_acked == 0
    assert len(consumer._unacked_messages) == 0
    assert "tracked" in Message.__slots__
    assert ConsumerMessage.use_tracking
    assert consumer.app.consumer_generation_id is not None


def test_the_scheme_gives_this_transport(consumer: Any) -> None:
    assert drivers.TRANSPORTS.aliases["batched"] == "liveops.kafka.batching:Transport"
    assert isinstance(consumer.transport, batching.Transport)
    assert issubclass(batching.Transport, driver.Transport)


async def test_other_topics_are_as_in_stock_faust(consumer: Any) -> None:
    messages = [consumer._to_message(OTHER, record(n)) for n in (5, 6, 7)]
    assert [m.value for m in messages] == [b"v"] * 3
    consumer._committed_offset[OTHER] = 5
    for number, safe in [(2, {}), (0, {OTHER: 6}), (1, {OTHER: 8})]:
        assert consumer.ack(messages[number])
        assert committable(consumer) == safe
    assert consumer._delivered == {}


async def test_an_app_without_batched_topics_is_stock(consumer: Any) -> None:
    app = faust.App("stock", broker="batched://localhost", store="memory://")
    plain: Any = app.consumer
    found = await fetch(plain, {TP0: [record(1)]})
    assert [item.offset for item in found[TP0]] == [1]


@pytest.mark.parametrize("wait", [FetchWait(), FetchWait(longest_ms=7, for_bytes=9)])
async def test_a_fetch_waits_at_the_broker_as_the_app_says(consumer: Any, wait: FetchWait) -> None:
    consumer.app.fetch_wait = wait
    found = consumer._thread._create_worker_consumer(consumer.transport)
    assert found._fetch_max_wait_ms == wait.longest_ms
    assert found._fetch_min_bytes == wait.for_bytes
    names = AIOKafkaConsumer.start.__code__.co_names  # read when the fetcher is made, after this
    assert {"_fetch_max_wait_ms", "_fetch_min_bytes"} <= set(names)


def test_an_installed_package_makes_the_scheme_known_without_a_call() -> None:
    group = "faust.transports"
    project = tomllib.loads((Path(batching.__file__).parents[2] / "pyproject.toml").read_text())
    target = project["project"]["entry-points"][group][batching.SCHEME]
    assert EntryPoint(batching.SCHEME, target, group).load() is batching.Transport
