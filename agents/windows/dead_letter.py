"""One place for bad input: the topic `metrics.deadletter`, and how much may go there."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Sequence
from time import monotonic
from typing import Any

import orjson

from liveops.intake.faults import Fault, Place
from liveops.kafka.producer import Outgoing
from liveops.metrics.windows import DEAD_LETTERS, DEAD_LETTERS_CUT

MAX_PAYLOAD_BYTES = 65_536
#: Letters and their bytes a second, of one worker, and how many may come at once.
_LETTERS_A_SECOND, _LETTERS_AT_ONCE = 1000.0, 10_000.0
_BYTES_A_SECOND, _BYTES_AT_ONCE = 4e6, 32e6
#: Bytes of a letter beside its payload.
_ENVELOPE_BYTES = 300


class LetterBudget:
    """Lets bad input through as long as it does not come in floods; counts all of it."""

    def __init__(self) -> None:
        self._letters, self._bytes = _LETTERS_AT_ONCE, _BYTES_AT_ONCE
        self._filled_s = monotonic()

    def choose(
        self, faults: Sequence[tuple[int, Fault]], records: Sequence[Any]
    ) -> list[tuple[int, Fault]]:
        """Those of the faults to be set aside, each told with the number of its record."""
        self._fill()
        seen: Counter[str] = Counter()
        chosen: list[tuple[int, Fault]] = []
        cut = 0
        for at, fault in faults:
            count = max(1, fault.more)
            seen[fault.reason] += count
            if self._takes(len(fault.payload or records[at].value or b"")):
                chosen.append((at, fault))
            else:
                cut += count
        for reason, count in seen.items():
            DEAD_LETTERS.labels(reason).inc(count)
        DEAD_LETTERS_CUT.inc(cut)
        return chosen

    def _takes(self, payload_bytes: int) -> bool:
        size = min(payload_bytes, MAX_PAYLOAD_BYTES) + _ENVELOPE_BYTES
        if self._letters < 1.0 or self._bytes < size:
            return False
        self._letters -= 1.0
        self._bytes -= size
        return True

    def _fill(self) -> None:
        now_s = monotonic()
        passed_s, self._filled_s = now_s - self._filled_s, now_s
        self._letters = min(_LETTERS_AT_ONCE, self._letters + passed_s * _LETTERS_A_SECOND)
        self._bytes = min(_BYTES_AT_ONCE, self._bytes + passed_s * _BYTES_A_SECOND)


def dead_letter(fault: Fault, place: Place, value: bytes | None) -> Outgoing:
    """The record of contract §4: reason, place, and the bad item, cut at 64 KiB.

    `value` is the record; it stands in where the fault is not of one item of it.
    """
    record: dict[str, Any] = {
        "reason": fault.reason,
        "detail": fault.detail,
        "topic": place.topic,
        "partition": place.partition,
        "offset": place.offset,
        "index": fault.index,
    }
    if fault.more:
        record["more"] = fault.more
    payload = (fault.payload or value or b"")[:MAX_PAYLOAD_BYTES]
    try:
        record["payload"] = payload.decode()
    except UnicodeDecodeError:
        record["payload"] = base64.b64encode(payload).decode()
        record["encoding"] = "base64"
    return Outgoing(f"{place.topic}/{place.partition}/{place.offset}", orjson.dumps(record))
