"""Revoked tokens stay out also while the configuration topic cannot be read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from aiohttp import web

from liveops.clock import SystemClock
from liveops.deps import Deps
from liveops.errors import Unavailable
from liveops.security.tokens import user_token, verify
from tests.unit.web.doubles import SECRET, deps_without_stores, edge, header
from web.routing import Access, Route, json_response


class Database:
    """Revocations as they are stored; None means that PostgreSQL does not answer."""

    def __init__(self, revoked: dict[str, float] | None) -> None:
        self.revoked = revoked
        self.asked = 0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Database]:
        if self.revoked is None:
            raise Unavailable("postgres")
        yield self

    async def fetch(self, query: str, names: list[str]) -> list[dict[str, Any]]:
        self.asked += 1
        assert self.revoked is not None
        return [{"jti": n, "since": s} for n, s in self.revoked.items() if n in names]


async def answer(request: web.Request) -> web.StreamResponse:
    return json_response({})


ROUTE = Route("GET", "/notes", answer, Access.READ, "Read notes")
NOW_S = SystemClock().now_s()
TOKEN = user_token(SECRET, "ada", ["ENGINEER"], NOW_S - 10, 86_400)
JTI = verify(SECRET, TOKEN, NOW_S).jti


async def status(database: Database, *, current: bool) -> int:
    deps: Any = deps_without_stores()
    deps.config.current = current
    deps.database = database
    async with edge(ROUTE, deps=cast(Deps, deps)) as client:
        async with client.get("/notes", headers=header(TOKEN)) as response:
            return response.status


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        pytest.param({JTI: NOW_S + 60}, 401, id="the token"),
        pytest.param({"user:ada": NOW_S}, 401, id="all of the user"),
        pytest.param({"user:ada": NOW_S - 20}, 200, id="older ones of the user"),
        pytest.param({"other": NOW_S}, 200, id="another"),
        pytest.param(None, 503, id="nobody knows"),
    ],
)
async def test_postgres_is_asked_until_the_configuration_is_read(
    stored: dict[str, float] | None, expected: int
) -> None:
    assert await status(Database(stored), current=False) == expected


async def test_postgres_is_left_alone_once_the_configuration_is_read() -> None:
    database = Database(None)
    assert await status(database, current=True) == 200
    assert database.asked == 0
