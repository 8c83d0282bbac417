"""Every call by its own OpenAPI document: no 5xx, and answers as the document has them.

What the documents say in words only (a rule of one kind needs a field, a time is in the future) is
refused by 422, so that a request may fit its schema and be refused is no fault.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client import Client
from tests.fuzzing import fuzz_examples
from tests.stack import TestStack, running_stack

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[2]
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance,negative_data_rejection"
)
#: WebSockets, what ends the session we use, and what must be its own refresh token.
LEFT_OUT = "/live$|/api/auth/logout|/api/auth/refresh"


@pytest.fixture(scope="module")
def own_stack() -> Iterator[TestStack]:
    """A product of its own: what is tried changes rules, silences and the topology."""
    with running_stack(access_token_ttl_s=3600) as stack:
        yield stack


@pytest.mark.parametrize("service", ["auth", "metrics", "incidents", "analysis"])
def test_a_service_is_as_its_document_says(service: str, own_stack: TestStack) -> None:
    url = own_stack.url(service)
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json",
        "--url", url, "--header", f"Authorization: Bearer {asyncio.run(_token(own_stack))}",
        "--checks", CHECKS, "--exclude-path-regex", LEFT_OUT,
        "--phases", "coverage,fuzzing", "--max-examples", str(fuzz_examples(3)), "--seed", "1",
        "--suppress-health-check", "all", "--continue-on-failure", "--no-color",
    ]  # fmt: skip
    done = subprocess.run(
        command,
        cwd=own_stack.data_dir,  # where it keeps what it has found
        env=os.environ
        | {"SCHEMATHESIS_HOOKS": "tests.contract.schemathesis_hooks", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr[-2000:]


async def _token(stack: TestStack) -> str:
    async with Client.signed_in(stack, "engineer") as client:
        return client.token
