"""What 10,000 series cost the incidents worker, and what one fit of a forecast costs."""

from __future__ import annotations

import asyncio
import time

import numpy as np

from liveops.bench.live_load import LiveLoad, sending
from liveops.bench.readings import cpu_seconds, resident_mb
from liveops.bench.stack import PrivateStack, Say
from liveops.detection.forecast import REFIT_S, History
from liveops.errors import LiveOpsError
from liveops.forecasting.model import fit

SERVICES, METRICS = 100, 100
#: Each series has a value every ten seconds.
_PER_S = SERVICES * METRICS // 10
#: Until every series is known and the first minute is closed.
_WARM_UP_S = 65.0
_DAY_S, _STEP_S, _POINT_S = 86_400.0, 60.0, 900.0
_DAYS = 28


async def cost(stack: PrivateStack, seconds: float, say: Say) -> dict[str, float]:
    """Share of a core and memory of the incidents worker in the last of `seconds`."""
    say(f"{SERVICES * METRICS} series, a value each 10 s, {seconds:.0f} s")
    pid = stack.pid("incidents")
    async with sending(stack, LiveLoad(_PER_S, SERVICES, METRICS)):
        await asyncio.sleep(_WARM_UP_S)
        began_s, before_s = time.monotonic(), cpu_seconds(pid)
        await asyncio.sleep(seconds - _WARM_UP_S)
        passed_s, after_s = time.monotonic() - began_s, cpu_seconds(pid)
    memory_mb = resident_mb(pid)
    if before_s is None or after_s is None or memory_mb is None:
        raise LiveOpsError("there is no /proc to read the worker's cost from")
    found = {"cores": round((after_s - before_s) / passed_s, 3), "memory_mb": round(memory_mb)}
    say(f"incidents worker: {found['cores']} of a core, {found['memory_mb']} MB")
    return found | {"fits_in_cores_per_10000": round(10_000 * fit_s() / REFIT_S, 3)}


def fit_s() -> float:
    """Seconds of one fit of four weeks of a daily season, once the libraries are loaded."""
    random = np.random.default_rng(1)
    time_s = np.arange(0.0, _DAYS * _DAY_S, _POINT_S)
    points = 100 + 30 * np.sin(2 * np.pi * time_s / _DAY_S) + random.standard_normal(len(time_s))
    newest_s = np.arange((_DAYS - 1) * _DAY_S, _DAYS * _DAY_S, _STEP_S)
    values = 100 + random.standard_normal(len(newest_s))
    history = History(_POINT_S, 0.0, points, newest_s, values, _STEP_S, _DAY_S)
    fit(history)
    began_s = time.process_time()
    fit(history)
    return time.process_time() - began_s
