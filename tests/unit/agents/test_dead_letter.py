"""Dead letters: the bad item and nothing else, in batches, and never a flood."""

from __future__ import annotations

from types import SimpleNamespace

import orjson
import pytest

from agents.windows import dead_letter as letters
from agents.windows.dead_letter import LetterBudget, dead_letter
from agents.windows.forward import ForOthers, Forwarder
from liveops.intake.faults import Fault, Place
from liveops.metrics.windows import DEAD_LETTERS_CUT
from liveops.windows.state import WindowLimits
from schema.topics import DEADLETTER, RAW
from tests.windows_model import Log

PLACE = Place(RAW, 3, 42, 1_700_000_000.0)
GARBAGE = SimpleNamespace(value=b"garbage")
BAD = b'{"metric_type":"cpu","value":"x"}'


class Broker:
    def __init__(self) -> None:
        self.sent: list[tuple[str, int, list[bytes]]] = []

    async def send_in_order(self, topic: str, partition: int, records: list[object]) -> None:
        self.sent.append((topic, partition, [record.value for record in records]))  # type: ignore[attr-defined] # Outgoing


def test_the_letter_holds_the_bad_item_not_the_record() -> None:
    fault = Fault("invalid", 7, "value: expected float", BAD)
    letter = orjson.loads(dead_letter(fault, PLACE, b"x" * 900_000).value or b"")
    assert letter == {
        "reason": "invalid", "detail": "value: expected float", "topic": RAW, "partition": 3,
        "offset": 42, "index": 7, "payload": BAD.decode(),
    }  # fmt: skip


def test_what_is_no_utf8_is_base64_and_a_long_record_is_cut() -> None:
    letter = orjson.loads(
        dead_letter(Fault("not_utf8", None, ""), PLACE, b"\xff" * 70_000).value or b""
    )
    assert (letter["encoding"], len(letter["payload"])) == ("base64", 87_384)


async def test_a_record_of_bad_items_makes_21_letters_in_one_batch() -> None:
    log = Log(1, WindowLimits())
    value = b'{"service_name":"shop","metrics":[' + b",".join([BAD] * 9999) + b"]}"
    log.append(0, 1_700_000_000.0, value=value)
    found = log.owners[0].windows.take(RAW, log.records[(RAW, 0)])
    broker, others = Broker(), ForOthers()
    forwarder = Forwarder(broker)  # type: ignore[arg-type] # all that is used of a producer
    others.add(found, forwarder.budget)
    await forwarder.send(0, others)
    ((topic, partition, sent),) = broker.sent
    assert (topic, partition, len(sent)) == (DEADLETTER, 0, 21)
    assert sum(map(len, sent)) < 10_000
    last = orjson.loads(sent[-1])
    assert (last["index"], last["more"]) == (20, 9979)
    assert "more" not in orjson.loads(sent[0])


def test_a_flood_is_cut_and_counted_and_the_budget_fills_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = 0.0
    monkeypatch.setattr(letters, "monotonic", lambda: now_s)
    budget = LetterBudget()
    fault = Fault("not_json", None, "")
    cut = DEAD_LETTERS_CUT._value.get()
    faults = [(0, fault)] * 20_000
    assert len(budget.choose(faults, [GARBAGE])) == 10_000
    assert DEAD_LETTERS_CUT._value.get() - cut == 10_000
    now_s = 2.0
    assert len(budget.choose(faults[:5000], [GARBAGE])) == 2000


def test_large_letters_have_a_budget_of_bytes() -> None:
    budget = LetterBudget()
    fault = Fault("not_json", None, "")
    large = SimpleNamespace(value=b"x" * 900_000)
    assert len(budget.choose([(0, fault)] * 1000, [large])) < 600
