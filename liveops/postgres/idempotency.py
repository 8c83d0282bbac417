"""Answers kept for `Idempotency-Key`, so that a repeated call is answered, not done again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from liveops.postgres.database import Database
from liveops.postgres.queries import load

#: A call that has not answered after this long has died with its worker.
DEAD_AFTER_S = 12.0


@dataclass(frozen=True, slots=True)
class Claim:
    """`ours`: go on; `done`: give `answer`; `running`: come back later; `other_body`: refuse."""

    state: Literal["ours", "done", "running", "other_body"]
    answer: str = ""


async def claim(database: Database, subject: str, key: str, body_hash: str) -> Claim:
    """Claim a key for one call; raises Unavailable."""
    queries = load("idempotency")
    async with database.connection() as con:
        if await con.fetchval(queries["begin"], subject, key, body_hash):
            return Claim("ours")
        row = await con.fetchrow(queries["fetch"], subject, key)
        if row is None or row["age_s"] > 86_400:
            return Claim("ours")
        if row["body_hash"] != body_hash:
            return Claim("other_body")
        if row["status"] is not None:
            return Claim("done", row["answer"])
        taken = await con.fetchval(queries["take_over"], subject, key, DEAD_AFTER_S)
        return Claim("ours") if taken else Claim("running")


async def finish(database: Database, subject: str, key: str, answer: str) -> None:
    """Store the 202 answer; raises Unavailable."""
    async with database.connection() as con:
        await con.execute(load("idempotency")["finish"], subject, key, 202, answer)


async def abandon(database: Database, subject: str, key: str) -> None:
    """Give the key free after a failure; raises Unavailable."""
    async with database.connection() as con:
        await con.execute(load("idempotency")["abandon"], subject, key)
