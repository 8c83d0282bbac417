"""The account of the language model: one for all copies, exact, and without leaks."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from liveops.errors import Unavailable
from liveops.llm.budget import SPENT, About, Amount, Scope
from liveops.metrics.analysis import REGISTRY
from liveops.postgres.database import Database
from liveops.postgres.llm_calls import LlmCalls
from liveops.postgres.migrate import migrate
from tests.client import Client
from tests.stack import TestServers

pytestmark = pytest.mark.integration

MUCH = Amount(10**12, 10**9)
CALL = Amount(1000, 0.01)


def about() -> About:
    return About(str(uuid4()), f"paying-{uuid4().hex[:8]}")


async def test_two_copies_never_spend_more_than_there_is(servers: TestServers) -> None:
    await migrate(servers.database_url)
    one, two = Database(servers.database_url), Database(servers.database_url)
    limits: dict[Scope, Amount] = {"day": MUCH, "service": Amount(5000, 1.0), "incident": MUCH}
    copies, call = [LlmCalls(one, limits), LlmCalls(two, limits)], about()
    got = await asyncio.gather(
        *(copies[n % 2].reserve(call, CALL, 60) for n in range(12)), return_exceptions=True
    )
    refused = [one for one in got if isinstance(one, Unavailable)]
    assert (len(refused), {str(error) for error in refused}) == (7, {SPENT["service"]})
    for made in got:
        if not isinstance(made, BaseException):
            await copies[0].settle(made, Amount(100, 0.001))
    assert (await copies[1].spent(call.service_name))["service"].tokens == 500
    await copies[1].reserve(call, CALL, 60)
    await one.stop()
    await two.stop()


@pytest.mark.parametrize("scope", ["day", "service", "incident"])
@pytest.mark.parametrize("limit", [Amount(1500, 10**9), Amount(10**12, 0.015)], ids=str)
async def test_each_limit_holds(servers: TestServers, scope: Scope, limit: Amount) -> None:
    await migrate(servers.database_url)
    database, call = Database(servers.database_url), about()
    calls = LlmCalls(database, {"day": MUCH, "service": MUCH, "incident": MUCH})
    before = (await calls.spent())["day"]
    room = Amount(before.tokens + limit.tokens, before.usd + limit.usd) if scope == "day" else limit
    calls.limits = {**calls.limits, scope: room}
    await calls.reserve(call, CALL, 60)
    with pytest.raises(Unavailable, match=SPENT[scope]):
        await calls.reserve(call, CALL, 60)
    await database.stop()


async def test_what_a_dead_worker_has_set_aside_comes_back(servers: TestServers) -> None:
    await migrate(servers.database_url)
    database, call = Database(servers.database_url), about()
    calls = LlmCalls(database, {"day": MUCH, "service": MUCH, "incident": Amount(1500, 1.0)})
    await calls.reserve(call, CALL, -1.0)  # of a worker that died, over a second ago
    assert (await calls.spent("", call.incident_id))["incident"] == Amount()
    await calls.reserve(call, CALL, 60)
    with pytest.raises(Unavailable):
        await calls.reserve(call, CALL, 60)
    await database.stop()


async def test_the_gauge_shows_what_is_left_of_the_day(servers: TestServers) -> None:
    await migrate(servers.database_url)
    database = Database(servers.database_url)
    calls = LlmCalls(database, {"day": MUCH, "service": MUCH, "incident": MUCH})
    used = (await calls.spent())["day"].tokens + 1000
    calls.limits = {**calls.limits, "day": Amount(2 * used, 10**9)}
    await calls.settle(await calls.reserve(about(), CALL, 60), CALL)
    left = REGISTRY.get_sample_value("liveops_llm_budget_left_ratio", {"limit": "tokens"})
    assert left == pytest.approx(0.5)
    await database.stop()


async def test_the_account_is_read_over_http(engineer: Client, manager: Client) -> None:
    told = await manager.get("/api/analysis/budget")
    assert told["day"]["left"] == 1 - told["day"]["tokens"] / told["day"]["max_tokens"]
    assert (told["service"], told["incident"]) == (None, None)
    query = {"service": "nobody", "incident_id": str(uuid4())}
    told = await engineer.get("/api/analysis/budget", params=query)
    assert (told["service"]["tokens"], told["incident"]["left"]) == (0, 1)
    for bad in ({"service": "a b"}, {"incident_id": "x"}):
        assert (await engineer.call("GET", "/api/analysis/budget", params=bad)).status == 422
