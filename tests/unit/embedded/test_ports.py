"""Ports: usual, remembered, or any free one; never the same twice."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from liveops.embedded.ports import PortBook, any_free, is_free

HOST = "127.0.0.1"


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_the_usual_port_is_used_when_free() -> None:
    usual = any_free(HOST)
    assert PortBook(HOST).choose("kafka", usual) == usual


def test_a_taken_port_is_replaced_by_a_free_one(taken: int) -> None:
    chosen = PortBook(HOST).choose("kafka", taken)
    assert chosen != taken
    assert is_free(HOST, chosen)


def test_a_port_is_handed_out_once() -> None:
    usual = any_free(HOST)
    book = PortBook(HOST)
    assert book.choose("a", usual) == usual
    assert book.choose("b", usual) != usual


def test_while_the_usual_port_is_taken_the_one_of_last_time_serves(
    tmp_path: Path, taken: int
) -> None:
    memory = tmp_path / "ports.json"
    first = PortBook(HOST, memory).choose("kafka", taken)
    assert json.loads(memory.read_text()) == {"kafka": first}
    assert PortBook(HOST, memory).choose("kafka", taken) == first


def test_a_remembered_port_that_is_taken_now_is_forgotten(tmp_path: Path, taken: int) -> None:
    memory = tmp_path / "ports.json"
    memory.write_text(json.dumps({"kafka": taken}))
    usual = any_free(HOST)
    assert PortBook(HOST, memory).choose("kafka", usual) == usual
    assert json.loads(memory.read_text()) == {"kafka": usual}


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"kafka": "x"}', '{"kafka": null}'])
def test_a_damaged_memory_is_ignored(tmp_path: Path, text: str) -> None:
    memory = tmp_path / "ports.json"
    memory.write_text(text)
    usual = any_free(HOST)
    assert PortBook(HOST, memory).choose("kafka", usual) == usual
