"""The workers as parts: which there are, their ports, and what they are told."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from liveops.embedded.part import Part
from liveops.embedded.ports import PortBook
from liveops.errors import SettingsError

#: Usual ports, in the order of the data's way to the eye of the user.
WORKERS: Mapping[str, int] = {
    "auth": 8080,
    "metrics": 8081,
    "incidents": 8082,
    "analysis": 8083,
    "archive": 8084,
}
#: Workers others call by URL; each learns these through `LIVEOPS_<NAME>_URL`.
CALLED = ("auth", "metrics", "incidents", "analysis")
PORT_STEP = 10
SETTINGS_PREFIXES = ("LIVEOPS_", "OPENAI_")
MOST_COPIES = 32
ANY_HOST = "0.0.0.0"  # noqa: S104 - only compared with
READY_TIMEOUT_S = 2.0
Program = tuple[str, ...]
#: Runs a worker when its name follows.
LIVEOPS: Program = (sys.executable, "-m", "liveops")
CODE_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy of a worker; the first has the plain name."""

    worker: str
    index: int
    port: int

    @property
    def name(self) -> str:
        return self.worker if self.index == 1 else f"{self.worker}-{self.index}"


def parse_scale(text: str) -> dict[str, int]:
    """`metrics=2,incidents=2` as a mapping; SettingsError names what is wrong."""
    scale: dict[str, int] = {}
    for item in filter(None, (piece.strip() for piece in text.split(","))):
        name, _, number = item.partition("=")
        if name not in WORKERS:
            raise SettingsError(f"--scale {item}: no worker {name!r}, there are {list(WORKERS)}")
        if name in scale:
            raise SettingsError(f"--scale {item}: {name} is given twice")
        if not number.isascii() or not number.isdigit() or not 1 <= int(number) <= MOST_COPIES:
            raise SettingsError(f"--scale {item}: give a number from 1 to {MOST_COPIES}")
        scale[name] = int(number)
    return scale


def plan(scale: Mapping[str, int], ports: PortBook) -> list[Copy]:
    """All copies to run. Ports step by ten; a taken one is replaced by a free one."""
    return [
        Copy(
            name,
            index,
            ports.choose(_key(name, index), usual + PORT_STEP * (index - 1)),
        )
        for name, usual in WORKERS.items()
        for index in range(1, scale.get(name, 1) + 1)
    ]


def _key(name: str, index: int) -> str:
    return name if index == 1 else f"{name}-{index}"


def base_urls(copies: list[Copy], host: str) -> dict[str, str]:
    """`LIVEOPS_<NAME>_URL` of the first copies, as other workers and browsers reach them."""
    first = {copy.worker: copy.port for copy in copies if copy.index == 1}
    return {f"LIVEOPS_{name.upper()}_URL": _url(host, first[name]) for name in CALLED}


def _url(host: str, port: int) -> str:
    return f"http://{'127.0.0.1' if host == ANY_HOST else host}:{port}"


def environment(told: Mapping[str, str]) -> dict[str, str]:
    """Our environment, but of settings only what a child is told."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(SETTINGS_PREFIXES)}
    # Children run the very code that started them, wherever they are started.
    path = os.pathsep.join(filter(None, (str(CODE_ROOT), inherited.get("PYTHONPATH"))))
    return inherited | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"} | dict(told)


def worker_part(copy: Copy, host: str, told: Mapping[str, str], program: Program) -> Part:
    """One worker process; ready when its readiness answers 200."""
    url = _url(host, copy.port)
    own = {
        "LIVEOPS_WORKER_PORT": str(copy.port),
        "LIVEOPS_WORKER_INDEX": str(copy.index),
    }
    return Part(
        name=copy.name,
        kind="worker",
        command=(*program, "worker", copy.worker),
        port=copy.port,
        url=url,
        is_ready=functools.partial(_is_ready, url),
        env=environment({**told, **own}),
        stop_deadline_s=20.0,
    )


def demo_part(told: Mapping[str, str], program: Program) -> Part:
    """The synthetic shop, which feeds the workers like any other client."""
    return Part(
        name="demo",
        kind="demo",
        command=(*program, "demo"),
        port=0,
        url="",
        is_ready=_at_once,
        env=environment(told),
        stop_deadline_s=10.0,
    )


async def answers(url: str, path: str = "/actuator/health/readiness") -> bool:
    """True when the worker at `url` answers 200 on `path`."""
    timeout = aiohttp.ClientTimeout(total=READY_TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url + path) as response,
        ):
            return response.status == 200
    except (aiohttp.ClientError, OSError):  # a timeout is an OSError too
        return False


async def _is_ready(url: str, _pid: int) -> bool:
    return await answers(url)


async def _at_once(_pid: int) -> bool:
    return True
