"""The build stage of docker/Dockerfile, carried out in a folder instead of an image.

`/opt/liveops` and `/build` lie in the folder. The locked packages are not installed once
more: exactly those of the lock are linked from the environment that runs the tests, which
has to have them in the locked versions.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import venv
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import distribution, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.shipped import DOCKER, ROOT

LOCK = DOCKER / "requirements.lock"


@dataclass(frozen=True, slots=True)
class Step:
    """An instruction and the rest of its line."""

    word: str
    rest: str


def stages() -> list[list[Step]]:
    """The instructions of each stage, from its FROM on."""
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    found: list[list[Step]] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append([])
        if found:
            found[-1].append(Step(word, rest.strip()))
    return found


def words(step: Step) -> list[str]:
    """The words of a JSON command such as that of HEALTHCHECK or ENTRYPOINT."""
    found: list[str] = json.loads(step.rest[step.rest.index("[") :])
    return found


def locked() -> dict[str, str]:
    """Version by name of what the lock has for this machine."""
    text = LOCK.read_text(encoding="utf-8")
    lines = re.findall(r"^(\S.*?) \\$", text, flags=re.MULTILINE)
    wanted = [Requirement(line) for line in lines]
    return {
        item.name: str(item.specifier).removeprefix("==")
        for item in wanted
        if item.marker is None or item.marker.evaluate()
    }


def needed(requirements: Iterable[str]) -> set[str]:
    """Names of what these requirements take on this machine, with all that follows from them."""
    found: dict[str, set[str]] = {}
    waiting = [(text, "") for text in requirements]
    while waiting:
        text, extra = waiting.pop()
        item = Requirement(text)
        if item.marker is not None and not item.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(item.name)
        new = {"", *item.extras} - found.setdefault(name, set())
        found[name] |= new
        waiting += [(further, more) for more in new for further in requires(name) or []]
    return set(found)


class Image:
    """What the steps have made so far."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "opt" / "liveops"
        self._build = folder / "build"
        self._build.mkdir()
        self._stage = folder / "stage"
        # Its pip is the one of the base image; nothing may be added to that of the tests.
        venv.create(self._stage, with_pip=True, symlinks=True)

    def carry_out(self, step: Step) -> None:
        """COPY or RUN; raises what fails. The other words change nothing here."""
        if step.word == "COPY":
            *sources, target = shlex.split(step.rest)
            for source in sources:
                self._copy(ROOT / source, self._build / target)
        elif step.word == "RUN" and LOCK.name in step.rest:
            self._link_locked()
        elif step.word == "RUN":
            command = step.rest.replace("/opt/liveops", str(self.home))
            subprocess.run(["sh", "-c", command], cwd=self._build, env=self._env(), check=True,
                           capture_output=True)  # fmt: skip

    @property
    def packages(self) -> Path:
        """Where the packages of the image lie."""
        [found] = self.home.glob("lib/python*/site-packages")
        return found

    def _env(self) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        path = f"{self._stage / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return inherited | {"PATH": path, "COMMIT": "c0ffee", "BUILT_AT": "2026-01-02T03:04:05Z"}

    def _copy(self, source: Path, target: Path) -> None:
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target if target.is_dir() else self._made(target))

    @staticmethod
    def _made(target: Path) -> Path:
        target.mkdir(parents=True, exist_ok=True)
        return target

    def _link_locked(self) -> None:
        for name in locked():
            for file in distribution(name).files or []:
                top = file.parts[0]
                link = self.packages / top
                if top not in ("..", "__pycache__") and not link.exists():
                    link.symlink_to(Path(str(distribution(name).locate_file(top))).resolve())


def clean_env(home: Path, **more: str) -> dict[str, str]:
    """An environment in which only the image's packages are found."""
    path = f"{home / 'bin'}{os.pathsep}{os.defpath}"
    return {"PATH": path, "HOME": "/nonexistent", "LANG": "C.UTF-8", **more}
