"""`GET /api/analysis/stats`: how often analyses were right, beside how sure they were."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from liveops.deps import Deps
from liveops.postgres.verdicts import read_judged
from liveops.rca.calibration import NEEDED, Bin, Judged, curve, error, fit
from web.models.analysis import AnalysisStats
from web.routing import Access, Route, json_response


def routes(deps: Deps) -> list[Route]:
    """The one route."""

    async def get(_: web.Request) -> web.StreamResponse:
        judged = await read_judged(deps.database)
        return json_response({"sources": [_source(name, ones) for name, ones in judged.items()]})

    return [
        Route("GET", "/api/analysis/stats", get, Access.READ,
              "How often analyses that named a cause were right, as people said, by how sure they "
              "were; and whether that calibrates the next ones",
              response_model=AnalysisStats),
    ]  # fmt: skip


def _source(name: str, judged: list[Judged]) -> dict[str, Any]:
    calibration, bins = fit(judged), curve(judged)
    off = error(bins)
    return {
        "source": name,
        "verdicts": len(judged),
        "right": sum(one.right for one in judged),
        "needed": NEEDED,
        "calibrated": calibration.holds,
        "slope": round(calibration.slope, 4),
        "offset": round(calibration.offset, 4),
        "error": None if off is None else round(off, 4),
        "curve": [_bin(one) for one in bins],
    }


def _bin(one: Bin) -> dict[str, Any]:
    return {
        "from": one.from_share,
        "to": one.to_share,
        "count": one.count,
        "said": round(one.said, 4),
        "right": round(one.share, 4),
        "right_low": round(one.low, 4),
        "right_high": round(one.high, 4),
    }
