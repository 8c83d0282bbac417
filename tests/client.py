"""A small HTTP client of the product for tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp

from tests.stack import TestStack

T = TypeVar("T")
#: Which worker serves a path.
_OWNERS = (
    ("/api/auth", "auth"),
    ("/api/metrics", "metrics"),
    ("/api/services", "metrics"),
    ("/api/topology", "metrics"),
    ("/api/analysis", "analysis"),
    ("/api/incidents", "incidents"),
    ("/api/rules", "incidents"),
    ("/api/detectors", "incidents"),
    ("/api/silences", "incidents"),
    ("/api/receivers", "incidents"),
    ("/api/alerts", "incidents"),
    ("/api/events", "incidents"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, decoded body (text when it is no JSON) and headers."""

    status: int
    body: Any
    headers: Mapping[str, str]


class Client:
    """Calls the worker that owns a path, with the token of one user."""

    def __init__(self, stack: TestStack, session: aiohttp.ClientSession, token: str) -> None:
        self.stack = stack
        self.session = session
        self.token = token

    @classmethod
    @asynccontextmanager
    async def signed_in(cls, stack: TestStack, name: str) -> AsyncIterator[Client]:
        """A client with a fresh access token."""
        async with aiohttp.ClientSession() as session:
            client = cls(stack, session, "")
            body = {"username": name, "password": stack.password(name)}
            answer = await client.call("POST", "/api/auth/login", json=body)
            assert answer.status == 200, answer
            client.token = answer.body["access_token"]
            yield client

    def url(self, path: str) -> str:
        """Where `path` is served."""
        owner = next(name for prefix, name in _OWNERS if path.startswith(prefix))
        return self.stack.url(owner) + path

    async def call(self, method: str, path: str, **options: Any) -> Answer:
        """One request; the token is sent unless `headers` bring another."""
        headers = dict(options.pop("headers", {}))
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        async with self.session.request(
            method, self.url(path), headers=headers, **options
        ) as response:
            is_json = "json" in response.content_type
            body = await (response.json(content_type=None) if is_json else response.text())
            return Answer(response.status, body, response.headers)

    async def get(self, path: str, **options: Any) -> Any:
        """The body of a GET that must succeed."""
        answer = await self.call("GET", path, **options)
        assert answer.status == 200, answer
        return answer.body

    async def send(self, *metrics: dict[str, Any]) -> None:
        """Metrics that must be accepted."""
        answer = await self.call("POST", "/api/metrics", json=list(metrics))
        assert answer.status == 202, answer


async def eventually(
    look: Callable[[], Awaitable[T | None]], what: str, within_s: float = 30.0
) -> T:
    """Look until something is found; the product has no event to wait for over HTTP."""
    deadline_s = time.monotonic() + within_s
    while True:
        found = await look()
        if found:
            return found
        assert time.monotonic() < deadline_s, f"{what} did not happen within {within_s} s"
        await asyncio.sleep(0.05)
