"""Starts the product on a data directory that a former version wrote (tests/data/stored_v0_1)."""

from __future__ import annotations

import asyncio
import io
import json
import lzma
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from liveops.embedded.supervisor import Options, Supervisor
from liveops.kafka.topics import ensure_topics
from liveops.postgres.migrate import available
from liveops.postgres.partitions import ensure_days
from liveops.settings import Settings, load_settings
from schema.topics import RAW, TopicSpec
from tests.stack import AnyPort, TestStack, clean_environment, temporary_data_dir

STORED = Path(__file__).parent / "data" / "stored_v0_1"
_LEDGER = """
CREATE TABLE schema_migrations (
    version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())
"""
#: Longer than any test data is kept.
FOR_EVER_DAYS = 10_000
Json = dict[str, Any]
DECLARED = TopicSpec.config


@dataclass(frozen=True, slots=True)
class Stored:
    """What one run of the former version left.

    `facts` are partitions, the moment it stopped, committed offsets and ends of topics.
    """

    facts: Json
    rows: list[tuple[str, Json]]
    sequences: dict[str, int]
    kafka: bytes

    @classmethod
    def read(cls, variant: str) -> Stored:
        """The fixture of this name."""
        folder = STORED / variant
        facts: Json = {}
        rows: list[tuple[str, Json]] = []
        sequences: dict[str, int] = {}
        with lzma.open(folder / "postgres.jsonl.xz", "rt", encoding="utf-8") as lines:
            for line in map(json.loads, lines):
                if "facts" in line:
                    facts = line["facts"]
                elif "sequence" in line:
                    sequences[line["sequence"]] = line["last"]
                else:
                    rows.append((line["table"], line["row"]))
        return cls(facts, rows, sequences, lzma.decompress((folder / "kafka.tar.xz").read_bytes()))

    def table(self, name: str) -> list[Json]:
        """Rows of a table."""
        return [row for table, row in self.rows if table == name]


class RestoredSupervisor(Supervisor):
    """`liveops up` on what was stored; PostgreSQL is filled before it is migrated."""

    def __init__(self, settings: Settings, options: Options, stored: Stored) -> None:
        super().__init__(settings, options, print)
        self._stored = stored

    async def _start_servers(self) -> None:
        with tarfile.open(fileobj=io.BytesIO(self._stored.kafka)) as tar:
            if hasattr(tarfile, "data_filter"):  # not before 3.11.4
                tar.extraction_filter = tarfile.data_filter
            tar.extractall(self.layout.kafka)  # noqa: S202 - written by the suite itself
        await super()._start_servers()
        settings = self._settings.model_copy(update={"broker_url": self.url("kafka")})
        await ensure_topics(settings)  # at once: soon the broker looks for what is too old

    async def _prepare_stores(self, settings: Settings) -> None:
        await load_rows(self.url("postgres"), self._stored)
        await super()._prepare_stores(settings)
        await commit(self.url("kafka"), self._stored.facts["committed"])


def config_for_old_data(spec: TopicSpec) -> dict[str, str]:
    """What a topic's configuration is here: old records stay, new ones may be as old."""
    wanted = DECLARED(spec) | {"retention.ms": "-1"}
    if spec.name == RAW:
        wanted["message.timestamp.type"] = "CreateTime"
    return wanted


async def commit(server: str, committed: dict[str, list[tuple[str, int, int]]]) -> None:
    """Set how far each group has come; the broker itself forgets that after a week."""
    for group, offsets in committed.items():
        wanted = {TopicPartition(t, n): OffsetAndMetadata(at, "") for t, n, at in offsets}
        async with AIOKafkaConsumer(bootstrap_servers=server, group_id=group) as consumer:
            consumer.assign(list(wanted))
            await consumer.commit(wanted)


async def load_rows(dsn: str, stored: Stored) -> None:
    """The schema as the former version had it, its rows and sequences."""
    known = {row["version"] for row in stored.table("schema_migrations")}
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(_LEDGER)
        for version, _, sql in available():
            if version in known:
                await connection.execute(sql)
        day = datetime.fromtimestamp(stored.facts["stopped_s"], UTC).date()
        await ensure_days(connection, day + timedelta(days=1))
        for table, row in _parents_first(stored.rows):
            await connection.execute(
                f'INSERT INTO "{table}" OVERRIDING SYSTEM VALUE '
                f'SELECT * FROM json_populate_record(NULL::"{table}", $1)',
                json.dumps(row),
            )
        for name, last in stored.sequences.items():
            await connection.execute("SELECT setval($1::regclass, $2)", name, last)
        # PostgreSQL has no clock that could be behind.
        await connection.execute("UPDATE archived_ids SET at = now()")
    finally:
        await connection.close()


def _parents_first(rows: list[tuple[str, Json]]) -> list[tuple[str, Json]]:
    return sorted(rows, key=lambda pair: pair[0] != "incidents")


@contextmanager
def restored_stack(stored: Stored) -> Iterator[TestStack]:
    """The present product on what was stored, by a clock that goes on from there."""
    behind_s = time.time() - stored.facts["stopped_s"]
    old_data = patch.object(TopicSpec, "config", config_for_old_data)
    with old_data, temporary_data_dir() as layout:
        given = {
            "data_dir": layout.root,
            "partitions": stored.facts["partitions"],
            "access_token_ttl_s": 86_400,
            "raw_retention_days": FOR_EVER_DAYS,
            "window_retention_days": FOR_EVER_DAYS,
        }
        settings = load_settings(given, environment=clean_environment())
        program = (sys.executable, "-m", "tests.past_program", str(behind_s))
        options = Options(users=("admin", "engineer"), ports=AnyPort, sync=False, program=program)
        supervisor = RestoredSupervisor(settings, options, stored)
        asyncio.run(supervisor.start())
        try:
            credentials = json.loads(layout.credentials.read_text(encoding="utf-8"))
            yield TestStack(supervisor, credentials)
        finally:
            asyncio.run(supervisor.stop())
