"""What people say of analyses calibrates the next ones, on real servers."""

from __future__ import annotations

from uuid import uuid4

import pytest
from msgspec import structs

from liveops.clock import SystemClock
from liveops.metrics.analysis import CALIBRATION_ERROR, VERDICTS
from liveops.postgres.incidents import create_incident
from liveops.postgres.lifecycle import add_feedback, read_similar
from liveops.postgres.verdicts import read_judged
from schema.feedback import Feedback, FeedbackVerdict
from schema.incidents import Incident
from tests.integration.analysis_world import World, newest, perform_all, story, world
from tests.stack import TestServers

pytestmark = pytest.mark.integration


async def say(
    here: World, got: Incident, verdict: FeedbackVerdict, cause: str | None = None
) -> None:
    said = Feedback(id=str(uuid4()), incident_id=got.id, analysis_id=None, verdict=verdict,
                    true_cause=cause, comment=None, created_by="ann",
                    created_at_s=SystemClock().now_s())  # fmt: skip
    await add_feedback(here.database, said)


async def analysed(here: World, got: Incident) -> None:
    await here.investigator.request(got.id)
    await perform_all(here)


async def test_the_newest_verdict_on_a_named_cause_counts(servers: TestServers) -> None:
    async with world(servers) as here:
        before = len((await read_judged(here.database))["fallback"])
        got = await story(here)
        await analysed(here, got)
        done = await newest(here, got.id)
        await say(here, got, "right")
        await say(here, got, "wrong")
        first, *_ = (await read_judged(here.database))["fallback"]
        assert (first.raw, first.said) == (done.confidence_raw, done.confidence)
        assert not first.right
        await say(here, got, "right", "back")
        judged = (await read_judged(here.database))["fallback"]
        assert (len(judged) - before, judged[0].right) == (1, True)
        # That it was no incident says nothing of the cause.
        await say(here, got, "not_an_incident")
        assert len((await read_judged(here.database))["fallback"]) == before


async def test_enough_verdicts_calibrate_the_next_analysis_and_show_as_a_metric(
    servers: TestServers,
) -> None:
    async with world(servers) as here:
        for _ in range(30):
            got = await story(here)
            await analysed(here, got)
            await say(here, got, "wrong")
        verdicts = here.investigator.verdicts
        before = await verdicts.calibrations()
        assert not before["fallback"].holds or before["fallback"].verdicts < 30
        verdicts.forget()
        await verdicts.calibrations()
        last = await story(here)
        await analysed(here, last)
        done = await newest(here, last.id)
    assert done.confidence < done.confidence_raw
    assert "calibrated by" in done.confidence_text
    assert VERDICTS.labels("fallback", "wrong")._value.get() >= 30
    assert CALIBRATION_ERROR.labels("fallback")._value.get() > 0.2


async def test_what_somebody_said_was_right_is_the_cause_of_a_similar_incident(
    servers: TestServers,
) -> None:
    async with world(servers) as here:
        got = await story(here)
        again = structs.replace(got, id=str(uuid4()), detected_at_s=got.detected_at_s + 60)
        async with here.database.transaction() as con:
            await create_incident(con, again, "engineer")
            both = "UPDATE incidents SET fingerprint = id || '|latency_ms' WHERE id = ANY($1)"
            await con.execute(both, [got.id, again.id])
        await analysed(here, got)
        named = (await newest(here, got.id)).root_cause_service
        (one,) = await read_similar(here.database, again.id)
        assert (one["confirmed_cause"], one["confirmed_by"]) == (None, None)
        await say(here, got, "right")
        (one,) = await read_similar(here.database, again.id)
        assert (one["confirmed_cause"], one["confirmed_by"]) == (named, "ann")
        await say(here, got, "wrong")
        (one,) = await read_similar(here.database, again.id)
        assert (one["confirmed_cause"], one["confirmed_by"]) == (None, None)
        await say(here, got, "wrong", "the cable")
        (one,) = await read_similar(here.database, again.id)
        assert (one["confirmed_cause"], one["confirmed_by"]) == ("the cable", "ann")
        await say(here, got, "wrong", named)
        await analysed(here, again)
        done = await newest(here, again.id)
    assert f"it was {named}, as confirmed by ann [E" in done.technical_summary
