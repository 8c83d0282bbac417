"""A small Faust worker on the batching transport that writes down what it is given.

`python -m tests.batching_probe '{"broker_url": …}'` runs until it is killed; see `Plan`.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
from faust import Stream, Worker
from faust.types.events import EventT

from liveops.kafka import chunks as limits
from liveops.kafka.chunks import chunk_of
from liveops.runtime.app import LiveOpsApp, create_app
from liveops.settings import Settings


class Plan(msgspec.Struct, frozen=True):
    """What the probe reads and how slowly; the settings are those of every worker of ours."""

    broker_url: str
    data_dir: str
    notes: str
    name: str
    chunks: str
    plain: str
    partitions: int
    seed: int
    max_records: int = limits.MAX_CHUNK_RECORDS
    max_bytes: int = limits.MAX_CHUNK_BYTES
    #: Longest time a chunk is worked on, and then waits for its acknowledgement.
    work_s: float = 0.0
    hold_s: float = 0.0

    @property
    def group(self) -> str:
        """The consumer group."""
        return f"liveops-{self.name}"


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """A chunk that was read or is about to be acknowledged, or a message of the plain topic."""

    kind: str
    pid: int
    partition: int
    first: int
    last: int
    records: int = 1
    bytes_: int = 0
    last_bytes: int = 0


class Notebook:
    """Lines that are on disk when `write` returns; kill -9 tears none of them."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, note: Note) -> None:
        """Append one line."""
        os.write(self._file, msgspec.json.encode(note) + b"\n")
        os.fsync(self._file)


def read_notes(path: Path) -> Iterator[Note]:
    """All notes so far, in the order they were taken."""
    if path.exists():
        for line in path.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):
                yield msgspec.json.decode(line, type=Note)


class Probe:
    """The agents of both topics."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._book = Notebook(plan.notes)
        self._random = random.Random(plan.seed)
        self._pid = os.getpid()

    async def read_chunks(self, stream: Stream[bytes]) -> None:
        """Note each chunk, work on it, and acknowledge it later in any order."""
        loop = asyncio.get_running_loop()
        async for event in stream.noack().events():
            self._book.write(self._note("read", event))
            await asyncio.sleep(self._random.random() * self._plan.work_s)
            loop.call_later(self._random.random() * self._plan.hold_s, self._ack, event)

    async def read_plain(self, stream: Stream[bytes]) -> None:
        """Note each message; Faust acknowledges it."""
        async for event in stream.events():
            message, value = event.message, event.value
            assert isinstance(value, bytes)
            note = Note("plain", self._pid, message.partition, message.offset, message.offset)
            self._book.write(msgspec.structs.replace(note, bytes_=len(value)))

    def _ack(self, event: EventT[Any]) -> None:
        self._book.write(self._note("ack", event))
        event.ack()

    def _note(self, kind: str, event: EventT[Any]) -> Note:
        chunk = chunk_of(event)
        records = chunk.records
        assert (chunk.topic, chunk.partition) == (event.message.topic, event.message.partition)
        sizes = [len(record.value or b"") for record in records]
        span = records[0].offset, records[-1].offset
        return Note(kind, self._pid, chunk.partition, *span, len(records), sum(sizes), sizes[-1])


def create(plan: Plan) -> LiveOpsApp:
    """The app; nothing is started."""
    settings = Settings(
        data_dir=Path(plan.data_dir), broker_url=plan.broker_url, partitions=plan.partitions
    )
    app = create_app(plan.name, settings, port=1)
    app.conf.web_enabled = False
    app.conf.broker_commit_interval = 0.1
    app.batched_topics = frozenset({plan.chunks})
    limits.MAX_CHUNK_RECORDS = plan.max_records
    limits.MAX_CHUNK_BYTES = plan.max_bytes
    probe = Probe(plan)
    for name, read in ((plan.chunks, probe.read_chunks), (plan.plain, probe.read_plain)):
        topic = app.topic(
            name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
        )
        app.agent(topic, name=f"probe.{name}")(cast(Any, read))
    return app


def main() -> None:
    """Run until SIGTERM."""
    app = create(msgspec.json.decode(sys.argv[1], type=Plan))
    Worker(app, loglevel="warning", redirect_stdouts=False, quiet=True).execute_from_commandline()


if __name__ == "__main__":
    main()
