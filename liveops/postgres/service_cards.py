"""Owners, links and runbooks of services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import structs

from liveops.errors import StaleVersion
from liveops.postgres.database import Database
from liveops.postgres.queries import load
from schema.service_cards import ServiceCard


async def read_cards(database: Database, services: Sequence[str]) -> dict[str, ServiceCard]:
    """The cards of these services, an empty one where there is none; raises Unavailable."""
    async with database.connection() as con:
        rows = await con.fetch(load("services")["cards"], services)
    found = {row["service_name"]: ServiceCard(**row) for row in rows}
    return {name: found.get(name, ServiceCard(name)) for name in services}


async def change_card(
    database: Database,
    service: str,
    changes: Mapping[str, Any],
    actor: str,
    expected_version: int | None = None,
) -> ServiceCard:
    """Change `owner`, `runbook_text` or single `links` (None: no link).

    What stays the same is no new version.

    Raises StaleVersion and Unavailable.
    """
    queries = load("services")
    async with database.transaction() as con:
        # Two who say the first word of a service wait for each other.
        await con.execute(queries["lock_card"], service)
        row = await con.fetchrow(queries["card"], service)
        card = ServiceCard(service) if row is None else ServiceCard(**row)
        if expected_version not in (None, card.version):
            raise StaleVersion(f"the version is {card.version}")
        links = card.links | changes.get("links", {})
        links = {name: link for name, link in links.items() if link is not None}
        changed = ServiceCard(
            service,
            changes.get("owner", card.owner),
            links,
            changes.get("runbook_text", card.runbook_text),
            card.version + 1,
        )
        if structs.replace(changed, version=card.version) == card:
            return card
        await con.execute(
            queries["put_card"], service, changed.owner, links, changed.runbook_text,
            changed.version, actor,
        )  # fmt: skip
    return changed
