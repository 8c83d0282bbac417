"""Fixtures over the real servers: the same supervisor code as `liveops up`.

`servers` gives Kafka, PostgreSQL and Valkey on free ports; `stack` the whole product.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from liveops.embedded.layout import Layout, exclusive
from liveops.embedded.part import stop_leftovers
from liveops.embedded.pghome import ROOT_ONLY_BASE
from liveops.embedded.ports import PortBook
from liveops.embedded.servers import start_servers
from liveops.embedded.supervisor import Options, Supervisor
from liveops.errors import StartError
from liveops.settings import load_settings

PREFIX = "liveops-test-"
#: Locked by the test run that uses the directory; the lock dies with its process.
IN_USE = "in-use"


class AnyPort(PortBook):
    """Never the usual port: tests run beside a developer's `liveops up`."""

    def choose(self, name: str, usual: int) -> int:
        return super().choose(name, 0)


@dataclass(frozen=True, slots=True)
class TestServers:
    """Addresses of the started servers; `redis_url` and `database_url` carry passwords."""

    __test__ = False

    broker_url: str
    database_url: str
    redis_url: str
    data_dir: Path


@contextmanager
def temporary_data_dir() -> Iterator[Layout]:
    """An empty data directory; at the end its processes are stopped and it is removed."""
    root = Path(tempfile.mkdtemp(prefix=PREFIX))
    if os.geteuid() == 0:
        root.chmod(0o711)  # PostgreSQL then runs as nobody and passes through
    layout = Layout(root)
    with (root / IN_USE).open("w") as mark:
        fcntl.flock(mark, fcntl.LOCK_EX)
        layout.create()
        try:
            yield layout
        finally:
            asyncio.run(stop_leftovers(layout, print))
            _remove(layout)


def sweep() -> None:
    """End servers and remove data that an interrupted test run left behind."""
    for root in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        layout = Layout(root)
        try:
            with (root / IN_USE).open("r") as mark:
                fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue  # a run that is still alive or just begins, or another user's
        asyncio.run(stop_leftovers(layout, lambda _: None))
        _remove(layout)


def _remove(layout: Layout) -> None:
    outside = layout.postgres.resolve()
    if ROOT_ONLY_BASE in outside.parents:
        shutil.rmtree(outside, ignore_errors=True)
    shutil.rmtree(layout.root, ignore_errors=True)


@pytest.fixture(scope="session")
def servers() -> Iterator[TestServers]:
    """Kafka, PostgreSQL and Valkey, empty, for the whole test run."""
    sweep()
    with running_servers() as started:
        yield started


@contextmanager
def running_servers() -> Iterator[TestServers]:
    """The servers alone, on free ports."""
    with temporary_data_dir() as layout, exclusive(layout):
        ports = AnyPort("127.0.0.1")
        try:
            started = asyncio.run(start_servers(layout, print, ports=ports, sync=False))
        except StartError as error:
            pytest.fail(f"the embedded servers do not start: {error}")
        try:
            yield TestServers(
                broker_url=started.url("kafka"),
                database_url=started.url("postgres"),
                redis_url=started.url("valkey"),
                data_dir=layout.root,
            )
        finally:
            asyncio.run(started.stop())


@dataclass(frozen=True, slots=True)
class TestStack:
    """A running product. `url("metrics")` and so on; the passwords of its first users."""

    __test__ = False

    supervisor: Supervisor
    credentials: dict[str, dict[str, str]]

    def url(self, name: str) -> str:
        """`http://host:port` of a worker, or the client address of a server."""
        return self.supervisor.url(name)

    @property
    def data_dir(self) -> Path:
        return self.supervisor.layout.root

    def password(self, name: str) -> str:
        return self.credentials[name]["password"]


@pytest.fixture(scope="session")
def stack() -> Iterator[TestStack]:
    """The whole product with servers of its own, on free ports, for the whole test run.

    Users `admin` and `engineer` (ENGINEER) and `manager` (MANAGER); no synthetic shop.
    """
    sweep()
    with running_stack() as running:
        yield running


@contextmanager
def running_stack(**overrides: object) -> Iterator[TestStack]:
    """A stack with other settings, e.g. `openai_base_url`; the workers are told them."""
    with temporary_data_dir() as layout:
        given = {"data_dir": layout.root, **overrides}
        settings = load_settings(given, environment=clean_environment())
        options = Options(users=("admin", "engineer", "manager"), ports=AnyPort, sync=False)
        supervisor = Supervisor(settings, options, print)
        try:
            asyncio.run(supervisor.start())
        except StartError as error:
            pytest.fail(f"the stack does not start: {error}")
        try:
            credentials = json.loads(layout.credentials.read_text(encoding="utf-8"))
            yield TestStack(supervisor, credentials)
        finally:
            asyncio.run(supervisor.stop())


def clean_environment() -> dict[str, str]:
    """Ours without LiveOps settings: a developer's must not change what is tested."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("LIVEOPS_", "OPENAI_"))}
