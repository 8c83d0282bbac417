"""Services over HTTP: one that is no more goes from the list, until it reports again."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from tests.client import Client, eventually

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("name", ["gone", "gone/with.slash"])
async def test_a_deleted_service_is_not_listed_until_it_reports_again(
    engineer: Client, manager: Client, name: str
) -> None:
    service = f"{name}-{uuid4().hex[:8]}"
    path = f"/api/services/{quote(service, safe='')}"

    async def listed() -> list[Any]:
        found: list[Any] = (await engineer.get(f"/api/services?service={quote(service)}"))["items"]
        return found

    async def reported() -> list[Any]:
        await engineer.send({"service_name": service, "metric_type": "cpu", "value": 1})
        return await listed()

    assert (await engineer.call("DELETE", path)).status == 404
    await eventually(reported, "the service")
    assert (await manager.call("DELETE", path)).status == 403
    assert (await engineer.call("DELETE", path)).status == 204
    assert await listed() == []
    await eventually(reported, "the service again")
