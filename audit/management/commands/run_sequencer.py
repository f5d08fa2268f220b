"""Run the sequencer until told to stop. A second one waits until the first is gone."""

from __future__ import annotations

import signal
import threading
from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseProblem
from django.db import connections

from audit import continuation, lag, sequencer
from audit.anchors import AnchorSilent
from vault import clock
from vault.jobs.periodic import beat

ROUND_SECONDS = 0.5
STANDBY_SECONDS = 1.0
ANCHOR_SECONDS = 2.0
BEAT_ROUNDS = 20

log = structlog.get_logger("audit.sequencer")


class Command(BaseCommand):
    """The process that extends the trail's tree and signs its checkpoints."""

    help = "Number committed events, extend the tree and sign checkpoints, until told to stop."

    def handle(self, *args: Any, **options: Any) -> None:
        """Work in rounds; survive the loss of the database; stop at SIGTERM or SIGINT."""
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        while not stop.is_set():
            try:
                if _is_leader():
                    self._work(stop)
                else:
                    stop.wait(STANDBY_SECONDS)
            except (sequencer.TreeDiffers, sequencer.OriginChanged, continuation.RestoredBehind) as error:
                # Going on would sign what somebody has changed or put back. A person has to look first.
                log.error("refuses to sign", error=type(error).__name__)
                beat(lag.JOB, failed_at=clock.now(), error=type(error).__name__)
                raise CommandError(str(error)) from error
            except DatabaseProblem as error:
                log.error("database lost", error=type(error).__name__)
                stop.wait(STANDBY_SECONDS)
            finally:
                # The lock is the connection's: closing it lets a standby take over.
                connections.close_all()

    def _work(self, stop: threading.Event) -> None:
        if not _continues(stop):
            return
        log.info("sequencing")
        rounds = done = 0
        while not stop.is_set():
            now = clock.now()
            checkpoint = sequencer.sequence_once(now=now)
            done += checkpoint is not None
            if rounds % BEAT_ROUNDS == 0:
                beat(lag.JOB, started_at=now, finished_at=now, error="", done=done)
                done = 0
            rounds += 1
            stop.wait(ROUND_SECONDS)


def _continues(stop: threading.Event) -> bool:
    """Wait until every anchor has answered that this database continues what it holds; False if told to stop."""
    while not stop.is_set():
        try:
            continuation.require_continuation()
        except AnchorSilent as silence:
            log.error("waits for an anchor", why=str(silence))
            beat(lag.JOB, failed_at=clock.now(), error=AnchorSilent.__name__)
            stop.wait(ANCHOR_SECONDS)
        else:
            return True
    return False


def _is_leader() -> bool:
    with connections[sequencer.ALIAS].cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [sequencer.LOCK])
        (is_leader,) = cursor.fetchone()
    return bool(is_leader)
