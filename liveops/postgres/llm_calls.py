"""The account of the language model in PostgreSQL: one for all copies of the worker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from liveops.errors import Unavailable
from liveops.llm.budget import SCOPES, SPENT, About, Amount, Scope, left
from liveops.metrics.analysis import LLM_BUDGET_LEFT, LLM_ERRORS
from liveops.postgres.database import Database
from liveops.postgres.queries import load

#: No incident has this id.
_NOBODY = UUID(int=0)
#: Services named in an overview.
_MAX_SERVICES = 10


class LlmCalls:
    """The budget of `liveops.llm.budget`, kept in `llm_calls`."""

    def __init__(self, database: Database, limits: Mapping[Scope, Amount]) -> None:
        self._database = database
        self.limits = limits
        self._show(Amount())

    async def reserve(self, about: About, most: Amount, expires_s: float) -> UUID:
        """Set aside what a call may cost; raises Unavailable, with words when it is too much."""
        queries, incident_id = load("llm_calls"), UUID(about.incident_id)
        async with self._database.transaction() as con:
            await con.execute(queries["lock"])
            row = await con.fetchrow(queries["spent"], about.service_name, incident_id)
            spent = _spent(row)
            for scope in SCOPES:
                if not _fits(self.limits[scope], spent[scope], most):
                    LLM_ERRORS.labels("budget").inc()
                    raise Unavailable("llm", SPENT[scope])
            made: UUID = await con.fetchval(
                queries["reserve"], incident_id, about.service_name, about.purpose,
                most.tokens, most.usd, expires_s,
            )  # fmt: skip
        self._show(Amount(spent["day"].tokens + most.tokens, spent["day"].usd + most.usd))
        return made

    async def settle(self, reservation: UUID, spent: Amount) -> None:
        """Replace what was set aside by what it cost; raises Unavailable."""
        async with self._database.connection() as con:
            await con.execute(load("llm_calls")["settle"], reservation, spent.tokens, spent.usd)
        await self.spent()

    async def spent(self, service: str = "", incident_id: str = "") -> dict[Scope, Amount]:
        """What was spent and reserved, by scope; raises Unavailable."""
        wanted = UUID(incident_id) if incident_id else _NOBODY
        async with self._database.connection() as con:
            found = _spent(await con.fetchrow(load("llm_calls")["spent"], service, wanted))
        self._show(found["day"])
        return found

    async def by_service(self) -> list[dict[str, Any]]:
        """Services that cost most today; raises Unavailable."""
        async with self._database.connection() as con:
            rows = await con.fetch(load("llm_calls")["by_service"], _MAX_SERVICES)
        return [dict(row) for row in rows]

    def _show(self, day: Amount) -> None:
        for name, share in left(self.limits["day"], day).items():
            LLM_BUDGET_LEFT.labels(name).set(share)


def _spent(row: Any) -> dict[Scope, Amount]:
    return {scope: Amount(row[f"{scope}_tokens"], row[f"{scope}_usd"]) for scope in SCOPES}


def _fits(limit: Amount, spent: Amount, most: Amount) -> bool:
    return spent.tokens + most.tokens <= limit.tokens and spent.usd + most.usd <= limit.usd
