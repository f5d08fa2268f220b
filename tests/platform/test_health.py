"""What anybody may ask of the vault's parts, and how often that reaches them."""

from __future__ import annotations

from threading import Event, Thread

import pytest
from django.test import Client

from vault import health


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """Put parts in the place of the real ones, and say which was asked."""
    asked: list[str] = []
    monkeypatch.setattr(health, "_PARTS", {part: lambda part=part: asked.append(part) for part in "ab"})
    monkeypatch.setattr(health, "_known", health._Known())
    return asked


def test_asking_again_and_again_does_not_reach_the_parts(client, asked):
    answers = [client.get("/health/ready").status_code for _again in range(5)]

    assert (answers, asked) == ([200] * 5, ["a", "b"])


def test_nobody_else_waits_while_a_part_hangs(client, asked, monkeypatch):
    hangs, over = Event(), Event()

    def hang() -> None:
        hangs.set()
        over.wait(10)

    monkeypatch.setitem(health._PARTS, "b", hang)
    first = Thread(target=lambda: Client().get("/health/ready"))
    first.start()
    hangs.wait(10)

    assert client.get("/health/ready").json() == {"status": "not ready", "parts": {"a": False, "b": False}}

    over.set()
    first.join()
    assert client.get("/health/ready").status_code == 200
