"""Sign in, rotate, sign out, administer."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import pytest

from schema.times import format_time
from tests.client import Client, eventually
from tests.stack import TestStack

pytestmark = pytest.mark.integration


async def test_login_gives_what_the_contract_says(engineer: Client) -> None:
    body = {"username": "engineer", "password": engineer.stack.password("engineer")}
    answer = await engineer.call("POST", "/api/auth/login", json=body)
    assert answer.body.keys() == {
        "access_token", "token_type", "expires_in", "refresh_token", "roles",
    }  # fmt: skip
    assert (answer.body["token_type"], answer.body["roles"]) == ("Bearer", ["ENGINEER"])
    me = await engineer.get("/api/auth/me")
    assert me == {"username": "engineer", "roles": ["ENGINEER"]}


async def test_a_wrong_password_is_401_and_many_are_429(engineer: Client) -> None:
    name = f"u{uuid4().hex[:8]}"
    statuses = []
    for _ in range(7):
        body = {"username": name, "password": "wrong password"}
        answer = await engineer.call("POST", "/api/auth/login", json=body)
        statuses.append(answer.status)
        if answer.status == 429:
            assert int(answer.headers["Retry-After"]) >= 1
    assert statuses[:5] == [401] * 5
    assert 429 in statuses
    # A right sign-in from this address clears its failures once the wait is over.
    good = {"username": "engineer", "password": engineer.stack.password("engineer")}

    async def signed_in() -> bool:
        return (await engineer.call("POST", "/api/auth/login", json=good)).status == 200

    await eventually(signed_in, "the next sign-in")


async def test_a_refresh_token_is_good_once_and_a_copy_ends_the_family(engineer: Client) -> None:
    body = {"username": "engineer", "password": engineer.stack.password("engineer")}
    first = (await engineer.call("POST", "/api/auth/login", json=body)).body["refresh_token"]
    second = await engineer.call("POST", "/api/auth/refresh", json={"refresh_token": first})
    assert second.status == 200
    replay = await engineer.call("POST", "/api/auth/refresh", json={"refresh_token": first})
    assert replay.status == 401
    thief = await engineer.call(
        "POST", "/api/auth/refresh", json={"refresh_token": second.body["refresh_token"]}
    )
    assert thief.status == 401


async def test_logout_makes_the_token_worthless_on_every_worker(engineer: Client) -> None:
    body = {"username": "manager", "password": engineer.stack.password("manager")}
    session = (await engineer.call("POST", "/api/auth/login", json=body)).body
    bearer = {"Authorization": f"Bearer {session['access_token']}"}
    answer = await engineer.call(
        "POST",
        "/api/auth/logout",
        json={"refresh_token": session["refresh_token"]},
        headers=bearer,
    )
    assert answer.status == 204
    for path in ("/api/auth/me", "/api/services", "/api/incidents"):

        async def refused(path: str = path) -> bool:
            return (await engineer.call("GET", path, headers=bearer)).status == 401

        await eventually(refused, f"the refusal at {path}", within_s=5)


async def test_users_are_administered(engineer: Client) -> None:
    name = f"u{uuid4().hex[:8]}"
    body = {"username": name, "password": "a good password", "roles": ["MANAGER"]}
    assert (await engineer.call("POST", "/api/auth/users", json=body)).status == 201
    assert (await engineer.call("POST", "/api/auth/users", json=body)).status == 409
    items = (await engineer.get("/api/auth/users"))["items"]
    assert name in [item["username"] for item in items]
    disabled = await engineer.call("PATCH", f"/api/auth/users/{name}", json={"disabled": True})
    assert (disabled.status, disabled.body["disabled"]) == (200, True)
    login = {"username": name, "password": "a good password"}
    assert (await engineer.call("POST", "/api/auth/login", json=login)).status == 401
    assert (await engineer.call("DELETE", f"/api/auth/users/{name}")).status == 204
    assert (await engineer.call("DELETE", f"/api/auth/users/{name}")).status == 404


async def test_a_disabled_user_is_out_on_every_worker_at_once(engineer: Client) -> None:
    login = {"username": f"u{uuid4().hex[:8]}", "password": "a good password"}
    body = login | {"roles": ["MANAGER"]}
    assert (await engineer.call("POST", "/api/auth/users", json=body)).status == 201
    session = (await engineer.call("POST", "/api/auth/login", json=login)).body
    bearer = {"Authorization": f"Bearer {session['access_token']}"}
    assert (await engineer.call("GET", "/api/rules", headers=bearer)).status == 200
    path = f"/api/auth/users/{login['username']}"
    assert (await engineer.call("PATCH", path, json={"disabled": True})).status == 200
    for called in ("/api/auth/me", "/api/services", "/api/rules"):

        async def refused(called: str = called) -> bool:
            return (await engineer.call("GET", called, headers=bearer)).status == 401

        await eventually(refused, f"the refusal at {called}", within_s=5)
    refresh = {"refresh_token": session["refresh_token"]}
    assert (await engineer.call("POST", "/api/auth/refresh", json=refresh)).status == 401
    assert (await engineer.call("PATCH", path, json={"disabled": False})).status == 200
    again = (await engineer.call("POST", "/api/auth/login", json=login)).body
    bearer = {"Authorization": f"Bearer {again['access_token']}"}
    assert (await engineer.call("GET", "/api/rules", headers=bearer)).status == 200


async def test_one_engineer_has_to_remain(stack: TestStack) -> None:
    async with Client.signed_in(stack, "admin") as admin:
        statuses = [
            (await admin.call(method, f"/api/auth/users/{name}", json=body)).status
            for method, name, body in (
                ("PATCH", "engineer", {"disabled": True}),
                ("PATCH", "admin", {"disabled": True}),
                ("PATCH", "admin", {"roles": ["MANAGER"]}),
                ("DELETE", "admin", None),
                ("PATCH", "engineer", {"disabled": False}),
            )
        ]
    assert statuses == [200, 409, 409, 409, 200]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/auth/login", {"username": "x"}),
        ("/api/auth/login", {"username": "x", "password": 48151623}),
        ("/api/auth/users", {"username": "a b", "password": "long enough", "roles": ["MANAGER"]}),
        ("/api/auth/users", {"username": "ab", "password": "short", "roles": ["MANAGER"]}),
        ("/api/auth/users", {"username": "ab", "password": "long enough", "roles": []}),
        ("/api/auth/users", {"username": "ab", "password": "long enough", "roles": ["ROOT"]}),
        ("/api/auth/ingest-tokens", {"name": "x", "services": []}),
        ("/api/auth/ingest-tokens", {"name": "x", "expires_at": "2020-01-01T00:00:00Z"}),
        ("/api/auth/ingest-tokens", {"name": "x", "expires_at": "9999-12-31T23:59:59-14:00"}),
    ],
)
async def test_invalid_bodies_are_422_and_repeat_no_password(
    engineer: Client, path: str, body: dict[str, Any]
) -> None:
    answer = await engineer.call("POST", path, json=body)
    assert answer.status == 422, answer
    assert answer.body["errors"]
    assert str(body.get("password", "a password")) not in str(answer.body)


async def test_an_ingest_token_writes_its_services_only_until_it_is_revoked(
    engineer: Client,
) -> None:
    body = {"name": "shop", "services": ["shop-*"]}
    made = await engineer.call("POST", "/api/auth/ingest-tokens", json=body)
    bearer = {"Authorization": f"Bearer {made.body['token']}"}

    async def post(service: str) -> int:
        metric = {"service_name": service, "metric_type": "m", "value": 1}
        answer = await engineer.call("POST", "/api/metrics", json=metric, headers=bearer)
        return answer.status

    assert await post("shop-cart") == 202
    assert await post("bank") == 422
    path = f"/api/auth/ingest-tokens/{made.body['id']}"
    assert (await engineer.call("DELETE", path)).status == 204

    async def refused() -> bool:
        return await post("shop-cart") == 401

    await eventually(refused, "the refusal", within_s=5)


async def test_ingest_tokens_end_with_the_user_who_made_them(engineer: Client) -> None:
    login = {"username": f"u{uuid4().hex[:8]}", "password": "a good password"}
    body = login | {"roles": ["ENGINEER"]}
    assert (await engineer.call("POST", "/api/auth/users", json=body)).status == 201
    session = (await engineer.call("POST", "/api/auth/login", json=login)).body
    theirs = {"Authorization": f"Bearer {session['access_token']}"}
    tokens = "/api/auth/ingest-tokens"
    expires_at = format_time(time.time() + 3600)
    made = [
        (await engineer.call("POST", tokens, json=given, headers=headers)).body
        for given, headers in (
            ({"name": "forever"}, theirs),
            ({"name": "for an hour", "expires_at": expires_at}, theirs),
            ({"name": "of somebody else"}, {}),
        )
    ]

    async def statuses() -> list[int]:
        metric = {"service_name": "shop", "metric_type": "m", "value": 1}
        return [
            (
                await engineer.call(
                    "POST",
                    "/api/metrics",
                    json=metric,
                    headers={"Authorization": f"Bearer {token['token']}"},
                )
            ).status
            for token in made
        ]

    assert await statuses() == [202, 202, 202]
    path = f"/api/auth/users/{login['username']}"
    assert (await engineer.call("DELETE", path)).status == 204

    async def refused() -> bool:
        return await statuses() == [401, 401, 202]

    await eventually(refused, "the refusal", within_s=5)
    listed = [item["id"] for item in (await engineer.get(f"{tokens}?limit=500"))["items"]]
    assert [token["id"] in listed for token in made] == [False, False, True]
