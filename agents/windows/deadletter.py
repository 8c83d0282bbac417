"""One place for bad input: the topic `metrics.deadletter`."""

from __future__ import annotations

import base64
from typing import Any

import orjson

from agents.intake.decode import Fault, Place
from liveops.kafka.producer import Producer
from liveops.metrics import DEAD_LETTERS
from schema.topics import DEADLETTER

MAX_PAYLOAD_BYTES = 65_536


def letter(fault: Fault, place: Place, value: bytes | None) -> bytes:
    """The record of contract §4: reason, place, and the payload cut at 64 KiB."""
    record: dict[str, Any] = {
        "reason": fault.reason,
        "detail": fault.detail,
        "topic": place.topic,
        "partition": place.partition,
        "offset": place.offset,
        "index": fault.index,
    }
    payload = (value or b"")[:MAX_PAYLOAD_BYTES]
    try:
        record["payload"] = payload.decode()
    except UnicodeDecodeError:
        record["payload"] = base64.b64encode(payload).decode()
        record["encoding"] = "base64"
    return orjson.dumps(record)


async def bury(producer: Producer, fault: Fault, place: Place, value: bytes | None) -> None:
    """Send the dead letter and wait for its ack; raises Unavailable("kafka")."""
    DEAD_LETTERS.labels(fault.reason).inc()
    key = f"{place.topic}/{place.partition}/{place.offset}"
    await producer.send(DEADLETTER, key, letter(fault, place, value))
