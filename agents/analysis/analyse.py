"""incidents.detected and incidents.updated → pending analyses with their ranking."""

from __future__ import annotations

from typing import Any

import orjson
import structlog
from faust.types import StreamT

from agents.analysis.investigate import Investigator
from agents.analysis.jobs import AnalysisJobs, announce
from liveops.errors import LiveOpsError
from liveops.redis.cache import Cache

log = structlog.get_logger(__name__)


class AnalyseAgent:
    """Opens jobs; a lost request is found again by the sweep of `AnalysisJobs`."""

    def __init__(self, investigator: Investigator, jobs: AnalysisJobs, cache: Cache) -> None:
        self._investigator = investigator
        self._jobs = jobs
        self._cache = cache

    async def detected(self, stream: StreamT[Any]) -> None:
        """New incidents, manual ones likewise."""
        async for value in stream:
            await self._request(value, if_grown=False)

    async def updated(self, stream: StreamT[Any]) -> None:
        """Changed incidents: worth another look when they are graver or affect more."""
        async for value in stream:
            await self._request(value, if_grown=True)

    async def _request(self, value: bytes | None, *, if_grown: bool) -> None:
        """Never raises: an exception would cost the stream a restart."""
        if value is None:
            return
        try:
            event = orjson.loads(value)
            if if_grown and event["status"] == "resolved":
                return
            analysis = await self._investigator.request(str(event["id"]), if_grown=if_grown)
            if analysis.status == "pending":
                self._jobs.wake()
                await announce(self._cache, analysis)
        except LiveOpsError as error:
            log.warning("analysis not requested", error=str(error))
        except Exception:
            log.exception("unreadable incident event")
