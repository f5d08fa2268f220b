"""What web and worker ask once before they serve: can the store do what is needed, and lies everything where it may.

Management commands do not ask, so that what is wrong can be put right.
"""

from __future__ import annotations

import structlog
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError

from audit.actor import Actor
from vault import clock, kms, storage
from vault.errors import Refusal
from vault.residency import watch

log = structlog.get_logger("vault.starting")


def prove_parts() -> None:
    """Refuse to serve with a store that is unfit, or while anything lies where it may not or nobody says where.

    :raises ImproperlyConfigured: saying what is wrong and what to do.
    """
    try:
        abilities = storage.store().prove()
        seen = watch.look()
    except Refusal as refusal:
        raise ImproperlyConfigured(f"Not started: {refusal}") from refusal
    finally:
        # Connections are not for the processes that this one may become.
        storage.store.cache_clear()
        kms.forget_services()
    if seen.breaches:
        try:
            watch.note(seen, actor=Actor.system("start"), now=clock.now())
        except DatabaseError as error:
            log.error("what lies elsewhere could not be noted in the trail", error=type(error).__name__)
        raise ImproperlyConfigured(" ".join(["Not started:", *map(str, seen.breaches)]))
    if abilities.has_locks and not abilities.keeps_locks:
        log.error("the object store does not keep to locks that it says it has")
    log.info(
        "the object store was tried",
        keeps_versions=abilities.keeps_versions,
        keeps_locks=abilities.keeps_locks,
        notices_damage=abilities.notices_damage,
    )
