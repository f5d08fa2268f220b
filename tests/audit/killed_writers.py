"""Write events with many processes and number them with two, killing any of them at random.

python -m tests.audit.killed_writers FOLDER SECONDS

Each writer appends the id of an event to a file of its own in FOLDER once its transaction has committed: that
event is acknowledged, and must never be missing. The settings say which database.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from secrets import randbelow
from typing import NoReturn
from uuid import UUID, uuid4

import django

WRITERS, SEQUENCERS = 16, 2
INES = UUID("0193a1b2-0000-7000-8000-000000000001")


def main(folder: Path, seconds: float) -> int:
    """Keep them going for so long; return 0 if nobody died but those that were killed."""
    numbers = count()
    writers = [fork(write, folder / f"{next(numbers)}.ids") for _ in range(WRITERS)]
    sequencers = [fork(sequence) for _ in range(SEQUENCERS)]
    killed, until, alone = 0, time.monotonic() + seconds, 0
    while time.monotonic() < until and not alone:
        time.sleep(0.02 + randbelow(100) / 1000)
        if randbelow(6) == 0:
            alone += not kill(sequencers.pop(randbelow(SEQUENCERS)))
            sequencers.append(fork(sequence))
        else:
            alone += not kill(writers.pop(randbelow(WRITERS)))
            writers.append(fork(write, folder / f"{next(numbers)}.ids"))
        killed += 1
    for process in writers + sequencers:
        alone += not kill(process)
    sys.stdout.write(f"{killed}\n")
    if alone:
        sys.stderr.write(f"{alone} processes ended by themselves\n")
    return alone and 1


def fork(work: Callable[..., None], *words: Path) -> int:
    """Start a process that does only this."""
    process = os.fork()
    if process == 0:
        try:
            work(*words)
        finally:
            os._exit(1)
    return process


def kill(process: int) -> bool:
    """End a process at once; say whether it was still there."""
    os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    return os.WIFSIGNALED(status)


def write(acknowledged: Path) -> NoReturn:
    """Record events, some alone, some together, some taken back."""
    from django.db import transaction

    from audit import trail
    from audit.actions import Action
    from audit.actor import Actor, ActorKind, Ref

    ines = Actor(kind=ActorKind.PERSON, id=INES, role="supervisor", name="Ines", access_point="web")
    file = os.open(acknowledged, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    while True:
        ids = b""
        with transaction.atomic():
            for _ in range(1 + randbelow(3)):
                actor = ines if randbelow(4) == 0 else Actor.system("test")
                target = Ref("recording", str(uuid4()))
                event = trail.record(
                    Action.RECORDING_VIEWED, actor=actor, target=target, at=datetime.now(UTC)
                )
                ids += event.id.bytes
            if randbelow(8) == 0:
                transaction.set_rollback(True)
                ids = b""
        os.write(file, ids)


def sequence() -> None:
    """Be a sequencer, or the one that stands by."""
    from django.core.management import call_command

    call_command("run_sequencer")


if __name__ == "__main__":
    django.setup()
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2])))
