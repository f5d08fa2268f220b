"""Several processes that do the same thing at once, each with connections of its own, when they are told to."""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from bench.harness import Work

Prepare = Callable[[], dict[str, Work]]


@contextmanager
def a_crew(count: int, prepare: Prepare) -> Iterator[Callable[[str], list[Any]]]:
    """Start them, and yield what has all of them do one work, waits for the last, and returns what the works return.

    :param prepare: called in each process; returns its works by name.
    """
    fork = multiprocessing.get_context("fork")
    members: list[tuple[BaseProcess, Connection]] = []
    for _ in range(count):
        mine, theirs = fork.Pipe()
        process: BaseProcess = fork.Process(
            target=_serve, args=(theirs, prepare, [mine, *(line for _, line in members)]), daemon=True
        )
        process.start()
        theirs.close()
        members.append((process, mine))
    lines = [line for _, line in members]

    def do(name: str) -> list[Any]:
        for line in lines:
            line.send(name)
        return [line.recv() for line in lines]

    do("")  # until all are prepared
    try:
        yield do
    finally:
        for process, line in members:
            if process.is_alive():
                line.send(None)
            process.join()


def _serve(line: Connection, prepare: Prepare, others: list[Connection]) -> None:
    for other in others:
        other.close()  # or nobody would see that the one that tells is gone
    works = prepare()
    while (name := line.recv()) is not None:
        line.send(works[name]() if name else None)
