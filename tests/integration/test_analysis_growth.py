"""Incidents that grow are looked at again; one analysis is enough otherwise."""

from __future__ import annotations

import pytest

from tests.integration.analysis_world import (
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
