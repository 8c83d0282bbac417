"""Incidents that grow are looked at again; one analysis is enough otherwise."""

from __future__ import annotations

from uuid import uuid4

import pytest
from msgspec import structs

from liveops.postgres.lifecycle import add_change
from schema.feedback import ChangeEvent
from tests.integration.analysis_world import (
    events,
    newest,
    perform_all,
    spread,
    story,
    world,
)
from tests.stack import TestServers

pytestmark = pytest.mark.integration


async def test_an_analysis_is_reused_unless_forced_or_grown(servers: TestServers) -> None:
    async with world(servers) as here:
        got = await story(here)
        first = await here.investigator.request(got.id)
        assert (await here.investigator.request(got.id, force=True)).id == first.id  # pending
        await perform_all(here)
        assert (await here.investigator.request(got.id)).id == first.id
        assert (await here.investigator.request(got.id, if_grown=True)).id == first.id
        forced = await here.investigator.request(got.id, force=True)
        assert forced.id != first.id
        await perform_all(here)
        await spread(here, got, "third")
        grown = await here.investigator.request(got.id, if_grown=True)
        assert grown.id not in (first.id, forced.id)


async def test_a_pending_analysis_is_renewed_when_the_incident_grows(servers: TestServers) -> None:
    async with world(servers) as here:
        got = await story(here)
        first = await here.investigator.request(got.id)
        await spread(here, got, "third")
        await here.investigator.request(got.id, if_grown=True)
        renewed = await newest(here, got.id)
    assert (renewed.id, renewed.status) == (first.id, "pending")
    assert "third" in renewed.impacted_services
    assert "third" in [entry.service_name for entry in renewed.ranking]


async def test_what_grew_during_the_models_call_is_analysed_again(servers: TestServers) -> None:
    async with world(servers) as here:
        got = await story(here)
        await here.investigator.request(got.id)
        await perform_all(here)
        done = await newest(here, got.id)
        await here.investigator.request_if_grown(done)
        assert (await newest(here, got.id)).id == done.id
        await spread(here, got, "third")
        await here.investigator.request_if_grown(done)
        again = await newest(here, got.id)
    assert (again.id != done.id, again.status) == (True, "pending")


async def test_a_graver_incident_is_analysed_again_and_a_milder_one_is_not(
    servers: TestServers,
) -> None:
    async with world(servers) as here:
        got = await story(here)
        await here.investigator.request(got.id)
        await perform_all(here)
        done = await newest(here, got.id)
        for severity, is_new in (("low", False), ("critical", True)):
            async with here.database.connection() as con:
                query = "UPDATE incidents SET severity = $2 WHERE id = $1"
                await con.execute(query, got.id, severity)
            now = structs.replace(got, severity=severity)
            await here.agent.updated(events(now))
            assert ((await newest(here, got.id)).id != done.id) is is_new


async def test_a_deploy_shortly_before_is_in_the_ranking(servers: TestServers) -> None:
    async with world(servers) as here:
        got = await story(here)
        back = next(name for name in got.affected_services if name.startswith("back-"))
        event = ChangeEvent(
            id=str(uuid4()), service_name=back, kind="deploy", title="v2",
            at_s=got.detected_at_s - 240, url=None, tags={}, created_by="ci",
        )  # fmt: skip
        before = await here.investigator.request(got.id)
        await add_change(here.database, event)
        await perform_all(here)
        done = await newest(here, got.id)
    assert "no deploy seen" in before.confidence_text
    assert "changed shortly before" in done.confidence_text
    assert done.confidence_text.startswith(f"{100 * done.confidence:.0f} %: ")
    assert "change" in [item.kind for item in done.evidence]
