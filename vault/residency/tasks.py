"""The job that looks where everything lies. When it runs is said in ``vault.celery``."""

from __future__ import annotations

from audit.actor import Actor
from vault import clock
from vault.jobs.periodic import periodic
from vault.residency import watch


@periodic("residency.check")
def check() -> int:
    """Raise an alarm for whatever lies outside the allowed places."""
    return watch.watch(actor=Actor.system("task:residency.check"), now=clock.now())
