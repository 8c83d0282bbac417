"""The whole product with a language model of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.llm_server import LlmServer, llm_server
from tests.stack import TestStack, running_stack, sweep


@dataclass(frozen=True, slots=True)
class Product:
    """A running stack and the model its analysis worker calls."""

    stack: TestStack
    llm: LlmServer


@contextmanager
def llm_in_background() -> Iterator[LlmServer]:
    """The model on a loop of its own: it outlives the loop of any one test."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="llm-server")
    thread.start()
    context = llm_server()
    try:
        yield asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result()
    finally:
        leave = context.__aexit__(None, None, None)
        asyncio.run_coroutine_threadsafe(leave, loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(scope="session")
def product() -> Iterator[Product]:
    """Servers, workers and model on free ports, for the whole test run."""
    sweep()
    with (
        llm_in_background() as llm,
        running_stack(openai_api_key="sk-e2e", openai_base_url=llm.url) as stack,
    ):
        yield Product(stack, llm)
