"""What web and worker do once before they serve.

They ask whether the store can do what is needed and everything lies where it may, and let the trail say which
settings have changed. Management commands do not ask, so that what is wrong can be put right.
"""

from __future__ import annotations

import tomllib

import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection

from audit import configuration
from audit.actor import Actor
from vault import clock, env, kms, storage
from vault.errors import Refusal
from vault.residency import watch

log = structlog.get_logger("vault.starting")


def start(process: str) -> None:
    """Prove the parts, and note the settings that this kind of process serves with.

    :raises ImproperlyConfigured: saying what is wrong and what to do.
    """
    prove_parts()
    note_settings(process)


def note_settings(process: str) -> None:
    """Let the trail say which settings differ from those of the last start.

    :raises ImproperlyConfigured: if that cannot be recorded: nothing serves that the trail knows nothing of.
    """
    found = {"VERSION": _version(), **env.effective()}
    try:
        configuration.note_settings(process, found, actor=Actor.system("start"), now=clock.now())
    except (DatabaseError, Refusal) as error:
        raise ImproperlyConfigured(
            f"Not started: the settings could not be noted in the trail ({type(error).__name__})."
            " Look whether the database is there and its tables are up to date (manage.py prepare_database)."
        ) from error
    finally:
        # Connections are not for the processes that this one may become.
        connection.close()


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


def _version() -> str:
    with (settings.BASE_DIR / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])
