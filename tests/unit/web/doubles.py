"""What the edge needs, without a server: settings, a clock, no revocations."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from aiohttp.test_utils import TestClient, TestServer

from liveops.clock import SystemClock
from liveops.deps import Deps
from liveops.errors import Unavailable
from liveops.kafka.ingest_sends import IngestSends
from liveops.redis.cache import Cache
from liveops.security.tokens import ingest_token, user_token
from liveops.settings import Settings
from web.admission import Admission
from web.connection import EdgeRunner
from web.routing import Route
from web.server import application

SECRET = "s" * 40
Client = TestClient[Any, Any]


def deps_without_stores() -> Deps:
    """Redis is away; other stores are absent: a handler that touches one fails the test."""
    settings = Settings(data_dir=Path("unused"), jwt_secret=SECRET, cors_origins="http://a.test")
    parts = SimpleNamespace(
        settings=settings,
        clock=SystemClock(),
        config=Config(),
        cache=Cache("redis://127.0.0.1:1/0"),
    )
    return cast(Deps, parts)


class Sends:
    """Takes records as `IngestSends` does; what `failure` is each of them fails with."""

    def __init__(self) -> None:
        self.records: list[tuple[str, Any]] = []
        self.failure: Exception | None = None
        #: What is known before a record is sent.
        self.is_away = False

    def check(self) -> None:
        if self.is_away:
            raise Unavailable("kafka")

    async def begin(self, service: str, value: bytes) -> None:
        self.check()
        if self.failure is not None:
            raise self.failure
        record = json.loads(value)
        assert service == record["service_name"]
        self.records.append((service, record.get("metrics", [record])))

    async def settle(self, acks: list[None]) -> None: ...

    @property
    def items(self) -> list[dict[str, Any]]:
        """All items, with the service of their record."""
        return [{"service_name": key, **item} for key, items in self.records for item in items]


def admission(sends: Sends, **settings: Any) -> Admission:
    """The door of the ways in, with other bounds where they are named."""
    given = deps_without_stores().settings.model_copy(update=settings)
    return Admission(given, cast(IngestSends, sends))


class Config:
    """A configuration view without Kafka."""

    def __init__(self) -> None:
        self.revoked: dict[str, float] = {}
        self.current = True
        self.listeners: list[Callable[[], None]] = []

    def subscribe(self, listener: Callable[[], None]) -> None:
        self.listeners.append(listener)

    def revoke(self, name: str, value: float) -> None:
        """Take in a revocation, as from the topic."""
        self.revoked[name] = value
        for listener in self.listeners:
            listener()


class EdgeTestServer(TestServer):
    """A test server over our connections, as the workers are."""

    async def _make_runner(self, **options: Any) -> EdgeRunner:
        return EdgeRunner(self.app, **options)


@asynccontextmanager
async def edge(*routes: Route, deps: Deps | None = None) -> AsyncIterator[Client]:
    """The routes behind all middleware, on a free port."""
    server = application(list(routes), deps or deps_without_stores())
    async with TestClient(EdgeTestServer(server)) as client:
        yield client


def bearer(role: str = "ENGINEER", ttl_s: int = 86_400) -> dict[str, str]:
    """Authorization of a user with one role."""
    return header(user_token(SECRET, "ada", [role], SystemClock().now_s(), ttl_s))


def ingest_bearer(services: list[str] | None = None) -> dict[str, str]:
    """Authorization of an ingest token, for all services unless some are named."""
    return header(ingest_token(SECRET, "t1", services or ["*"], SystemClock().now_s(), None))


def header(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}
