"""From an event's commit to the checkpoint that covers it, at 500 events a second, with the real sequencer.

The events are the trail's own, recorded by four processes with connections of their own; the sequencer is the
product's command, as installations run it. A poller notes when each checkpoint can be read; an event waits from
its commit until the first that covers it. Both are told by this machine's clock.
"""

import subprocess
import sys
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Event, Thread
from uuid import UUID, uuid4

from bench._crew import a_crew
from bench._vault import a_vault
from bench.harness import Row, Work, summarise

CHECKOUT = Path(__file__).resolve().parents[1]
WRITERS, RATE = 4, 500


def measure(*, small: bool) -> list[Row]:
    """Measure how far behind the last percent of checkpoints is."""
    seconds = 3 if small else 20
    with a_vault():
        from django.db import connections

        from audit.models import Checkpoint, Leaf

        sequencer = subprocess.Popen(
            [sys.executable, CHECKOUT / "manage.py", "run_sequencer"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        seen: list[tuple[int, float]] = []
        stop = Event()

        def watch() -> None:
            while not stop.wait(0.01):
                newest = Checkpoint.objects.order_by("-size").values_list("size", flat=True).first()
                if newest and (not seen or newest > seen[-1][0]):
                    seen.append((newest, time.time()))
            connections.close_all()

        watcher = Thread(target=watch)
        try:
            with a_crew(WRITERS, partial(_writer, seconds)) as do:
                do("one")  # so that the sequencer is up
                while not Checkpoint.objects.exists():
                    time.sleep(0.05)
                watcher.start()
                committed = {event: at for told in do("write") for event, at in told}
            total = WRITERS * (1 + seconds * RATE // WRITERS)
            until = time.monotonic() + 60
            while not seen or seen[-1][0] < total:
                if time.monotonic() > until:
                    raise SystemExit("The sequencer does not get on.")
                time.sleep(0.05)
        finally:
            stop.set()
            if watcher.ident:
                watcher.join()
            sequencer.terminate()
            sequencer.wait()
        covered = iter(seen)
        size, at = next(covered)
        waits = []
        for index, event_id in Leaf.objects.order_by("index").values_list("index", "event_id"):
            while size <= index:
                size, at = next(covered)
            if event_id in committed:
                waits.append(at - committed[event_id])
    waits.sort()
    return [summarise("p99_seconds", [waits[len(waits) * 99 // 100]], bar=2, unit="s", bar_is_ceiling=True)]


def _writer(seconds: int) -> dict[str, Work]:
    from django.db import transaction

    from audit import trail
    from audit.actions import Action
    from audit.actor import Actor, ActorKind, Ref

    actor = Actor(
        kind=ActorKind.PERSON,
        id=uuid4(),
        role="supervisor",
        name="Ines Verhoeven",
        access_point="web",
        address="203.0.113.7",
    )

    def one() -> tuple[UUID, float]:
        with transaction.atomic(durable=True):
            event = trail.record(
                Action.RECORDING_VIEWED,
                actor=actor,
                target=Ref("recording", str(uuid4())),
                at=datetime.now(UTC),
            )
        return event.id, time.time()

    def write() -> list[tuple[UUID, float]]:
        """Record at an even pace, catching up where the machine held it up."""
        began, told = time.monotonic(), []
        for number in range(seconds * RATE // WRITERS):
            if (early := began + number * WRITERS / RATE - time.monotonic()) > 0:
                time.sleep(early)
            told.append(one())
        return told

    return {"one": one, "write": write}
