"""`change_incident`: the one way to change an incident, on a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import orjson
import pytest

from liveops.errors import IllegalChange, LiveOpsError, NotFound, StaleVersion
from liveops.postgres.database import Database
from liveops.postgres.incidents import (
    CORRELATOR,
    change_incident,
    change_incidents,
    create_incident,
    fetch_incident,
    timeline,
)
from liveops.postgres.migrate import migrate
from schema.incidents import STATUSES, TRANSITIONS, Incident, Status
from tests.stack import TestServers

pytestmark = pytest.mark.integration
NOW_S = 1_790_000_000.0


@pytest.fixture
async def database(servers: TestServers) -> AsyncIterator[Database]:
    await migrate(servers.database_url)
    database = Database(servers.database_url)
    yield database
    await database.stop()


async def stored(database: Database, status: Status = "open") -> Incident:
    got = Incident(
        id=str(uuid4()), title="slow", description="", severity="high", status=status,
        service_name="a", affected_services=["a"], detected_at_s=NOW_S,
    )  # fmt: skip
    async with database.transaction() as con:
        assert await create_incident(con, got, "test")
        assert not await create_incident(con, got, "test")
    return got


async def change(
    database: Database, incident_id: str, values: dict[str, Any], expected: int | None = None
) -> Incident:
    async with database.transaction() as con:
        return await change_incident(
            con, incident_id, "ada", NOW_S + 60, lambda _: values, expected_version=expected
        )


async def sent_events(database: Database, incident_id: str) -> list[tuple[str, Any]]:
    query = "SELECT topic, value FROM outbox WHERE key = $1 ORDER BY id"
    async with database.connection() as con:
        rows = await con.fetch(query, incident_id)
    return [(row["topic"], orjson.loads(row["value"])) for row in rows]


@pytest.mark.parametrize("old", STATUSES)
@pytest.mark.parametrize("new", STATUSES)
async def test_each_change_of_status(database: Database, old: Status, new: Status) -> None:
    got = await stored(database, old)
    if new == old:
        assert (await change(database, got.id, {"status": new})).version == 1
    elif new in TRANSITIONS[old]:
        changed = await change(database, got.id, {"status": new})
        assert (changed.status, changed.version) == (new, 2)
        assert (changed.resolved_at_s is not None) == (new == "resolved")
        assert await fetch_incident(database, got.id) == changed
    else:
        with pytest.raises(IllegalChange):
            await change(database, got.id, {"status": new})
    assert len(await sent_events(database, got.id)) == (1 + (new in TRANSITIONS[old]))


async def test_a_change_writes_row_timeline_and_event_together(database: Database) -> None:
    got = await stored(database)
    await change(database, got.id, {"title": "very slow", "severity": "critical"})
    events = await sent_events(database, got.id)
    assert [topic for topic, _ in events] == ["incidents.detected", "incidents.updated"]
    assert [event["version"] for _, event in events] == [1, 2]
    assert events[1][1]["title"] == "very slow"
    line = (await timeline(database, got.id))[-1]
    assert (line["kind"], line["actor"]) == ("updated", "ada")
    assert line["data"] == {"title": ["slow", "very slow"], "severity": ["high", "critical"]}


async def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    got = await stored(database)

    async def change_and_fail() -> None:
        async with database.transaction() as con:
            await change_incident(con, got.id, "ada", NOW_S, lambda _: {"title": "x"})
            raise LiveOpsError("no")

    with pytest.raises(LiveOpsError, match="no"):
        await change_and_fail()
    assert await fetch_incident(database, got.id) == got
    assert len(await sent_events(database, got.id)) == 1
    assert len(await timeline(database, got.id)) == 1


async def test_of_changes_at_once_to_one_version_one_wins(database: Database) -> None:
    got = await stored(database)
    results = await asyncio.gather(
        *(change(database, got.id, {"title": f"t{i}"}, expected=1) for i in range(8)),
        return_exceptions=True,
    )
    won = [item for item in results if isinstance(item, Incident)]
    assert [item.version for item in won] == [2]
    assert all(isinstance(item, StaleVersion) for item in results if item not in won)
    assert await fetch_incident(database, got.id) == won[0]


@pytest.mark.parametrize("field", ["id", "version", "source", "detected_at_s"])
async def test_what_is_fixed_stays(database: Database, field: str) -> None:
    got = await stored(database)
    with pytest.raises(IllegalChange):
        await change(database, got.id, {field: "x"})


async def test_an_unknown_incident_is_not_found(database: Database) -> None:
    with pytest.raises(NotFound):
        await change(database, str(uuid4()), {"title": "x"})


async def test_a_flapping_incident_has_a_timeline_of_bounded_length(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("liveops.postgres.incidents.MAX_AUTOMATIC_EVENTS", 4)
    incident = await stored(database)
    await change(database, incident.id, {"title": "a person's"})
    for number in range(10):

        def spread(_: Incident, service: str = f"s{number}") -> dict[str, Any]:
            return {"affected_services": [service]}

        async with database.transaction() as con:
            await change_incident(con, incident.id, CORRELATOR, NOW_S, spread)
    lines = await timeline(database, incident.id)
    assert [line["kind"] for line in lines] == ["created"] + ["updated"] * 5
    assert lines[1]["actor"] != CORRELATOR
    last = [line["data"]["affected_services"][1] for line in lines[2:]]
    assert last == [["s6"], ["s7"], ["s8"], ["s9"]]


async def test_words_that_follow_the_detections_are_no_line_of_the_timeline(
    database: Database,
) -> None:
    incident = await stored(database)
    words = {"title": "worse", "description": "far worse"}
    async with database.transaction() as con:
        new = await change_incident(con, incident.id, CORRELATOR, NOW_S, lambda _: words)
    assert (new.title, new.version) == ("worse", 2)
    assert [line["kind"] for line in await timeline(database, incident.id)] == ["created"]


async def test_what_a_person_has_set_the_correlator_leaves_alone(database: Database) -> None:
    incident = await stored(database)
    await change(database, incident.id, {"severity": "high", "title": "a person's"})
    words = {"title": "worse", "severity": "critical", "description": "far worse"}
    async with database.transaction() as con:
        new = await change_incident(con, incident.id, CORRELATOR, NOW_S, lambda _: words)
    assert (new.title, new.severity, new.description) == ("a person's", "high", "far worse")
    assert new.by_hand == ["severity", "title"]
    assert await fetch_incident(database, incident.id) == new


async def test_many_are_changed_with_a_line_and_an_event_each(database: Database) -> None:
    made = [await stored(database) for _ in range(500)]
    done = await stored(database, "resolved")
    unknown = str(uuid4())
    ids = [one.id for one in made] + [done.id, unknown]
    async with database.transaction() as con:
        changed, failed = await change_incidents(
            con, ids, "ada", NOW_S + 60, {"status": "acknowledged"}
        )
    assert changed == ids[:500]
    assert {one: type(why) for one, why in failed.items()} == {
        done.id: IllegalChange,
        unknown: NotFound,
    }
    for one in made:
        (_, event) = (await sent_events(database, one.id))[-1]
        assert (event["status"], event["version"]) == ("acknowledged", 2)
        assert (await timeline(database, one.id))[-1]["data"] == {
            "status": ["open", "acknowledged"]
        }
    assert len(await sent_events(database, done.id)) == 1
