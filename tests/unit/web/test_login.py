"""`POST /api/auth/login` behind proxies, without servers: who is held up by whose failures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from aiohttp.test_utils import make_mocked_request

from liveops.addresses import networks_of
from liveops.deps import Deps
from liveops.errors import Unavailable
from liveops.security.passwords import hash_password
from tests.unit.web.doubles import Client, deps_without_stores, edge
from web import auth
from web.client_address import client_address

PROXIES = "127.0.0.0/8, 10.0.0.0/8,2001:db8::/32"


class Users:
    """A database in which everybody exists, with the password `right`."""

    away = False

    def __init__(self, password_hash: str) -> None:
        self._hash = password_hash

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Users]:
        if self.away:
            raise Unavailable("postgres")
        yield self

    async def fetchrow(self, _: str, name: str) -> dict[str, Any]:
        return {
            "name": name, "password_hash": self._hash, "roles": ["MANAGER"], "disabled": False,
            "created_at": datetime.now(UTC),
        }  # fmt: skip

    async def execute(self, *_: Any) -> None:
        """A refresh token is stored."""


@asynccontextmanager
async def auth_edge(proxies: str) -> AsyncIterator[Client]:
    """The sign-in route behind these proxies."""
    deps = cast(Any, deps_without_stores())
    deps.settings = deps.settings.model_copy(update={"trusted_proxies": proxies})
    deps.database = Users(await hash_password("right"))
    async with edge(*auth.routes(cast(Deps, deps)), deps=deps) as client:
        yield client


async def sign_in(client: Client, name: str, password: str, *forwarded: str) -> int:
    headers = [("X-Forwarded-For", text) for text in forwarded]
    body = {"username": name, "password": password}
    async with client.post("/api/auth/login", json=body, headers=headers) as response:
        assert (response.status in (429, 503)) == ("Retry-After" in response.headers)
        return response.status


async def test_behind_an_ingress_nobody_is_locked_out_from_elsewhere() -> None:
    async with auth_edge(PROXIES) as client:
        guesses = [await sign_in(client, "ada", "wrong", "192.0.2.66") for _ in range(7)]
        assert guesses == [401] * 5 + [429] * 2
        # What the client claims itself stands on the left and does not help them.
        assert await sign_in(client, "ada", "right", "198.51.100.7, 192.0.2.66, 10.1.1.1") == 429
        assert await sign_in(client, "ada", "right", "198.51.100.7") == 200


async def test_all_through_one_proxy_are_not_held_up_by_one_name() -> None:
    async with auth_edge("") as client:
        guesses = [await sign_in(client, "ada", "wrong", f"192.0.2.{n}") for n in range(20)]
        assert guesses == [401] * 5 + [429] * 15
        assert await sign_in(client, "bob", "right") == 200


async def test_without_postgres_every_try_is_503_and_none_is_counted() -> None:
    async with auth_edge("") as client:
        Users.away = True
        try:
            assert [await sign_in(client, "ada", "right") for _ in range(9)] == [503] * 9
        finally:
            Users.away = False
        assert await sign_in(client, "ada", "right") == 200


@pytest.mark.parametrize(
    ("remote", "forwarded", "expected"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.1"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.9, 198.51.100.1 , 10.2.2.2"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.9", "198.51.100.1", "10.2.2.2"], "198.51.100.1"),
        ("10.0.0.1", ["10.3.3.3, 10.2.2.2"], "10.3.3.3"),
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", ["[2001:db9::1]:4711"], "2001:db9::1"),
        ("10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("2001:db8::1", ["2001:db9::1"], "2001:db9::1"),
        ("10.0.0.1", ["198.51.100.1, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1, unknown, 10.2.2.2"], "10.2.2.2"),
        ("10.0.0.1", [""], "10.0.0.1"),
    ],
)
def test_the_address_is_the_first_that_no_trusted_hop_vouches_for(
    remote: str, forwarded: list[str], expected: str
) -> None:
    headers = [("X-Forwarded-For", text) for text in forwarded]
    request = make_mocked_request("GET", "/", headers=cast(Any, headers)).clone(remote=remote)
    assert client_address(request, networks_of(PROXIES)) == expected
