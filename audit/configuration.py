"""Settings in the trail: what each kind of process was started with, and each change with old and new value.

Called before a process serves. A secret is never written down, only a keyed fingerprint by which a change is
seen; of an address its password and its user, and of a mail address its person, are left out as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from django.db import connection, transaction
from django.utils.crypto import salted_hmac

from audit import trail
from audit.actions import Action
from audit.actor import Actor, Ref
from audit.models import KnownSetting

TARGET = Ref("settings", "environment")
_LOCK = 7_214_010  # of the advisory lock: two processes that start together compare one after the other
_LONGEST = 900

# Masked by name, so that a new secret is masked before anybody has thought of it.
_SECRET = re.compile(
    r"(?:^|_)(?:KEY|SECRET|PASSWORD|PASSPHRASE|TOKEN|MASTER|CREDENTIAL|SALT|SEED)S?(?:_|$)", re.ASCII
)
_NO_SECRET = frozenset({"AUDIT_PUBLIC_KEY", "KEY_TABLE_BACKUP_DAYS"})
_WHO_IN_ADDRESS = re.compile(r"(?<=://)[^/@\s]*@")
_SECRET_IN_QUERY = re.compile(r"([?&][^=&\s]*(?:pass|secret|token|key)[^=&\s]*=)[^&\s]+", re.IGNORECASE)
_DOMAIN = re.compile(r"@([\w.-]+)")


def note_settings(process: str, settings: Mapping[str, str], *, actor: Actor, now: datetime) -> int:
    """Record what differs from what this kind of process was last started with; return how many events.

    The first start of its kind is one event that says how many settings there are. All commits together or
    not at all.
    """
    shown = {name: show(name, value) for name, value in settings.items()}
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        known = dict(KnownSetting.objects.filter(process=process).values_list("name", "value"))
        changed = [name for name in sorted(shown.keys() | known.keys()) if shown.get(name) != known.get(name)]
        for name in changed:
            _keep(process, name, shown.get(name), now)
        if not known and changed:
            _record("all", None, str(len(shown)), process, actor, now)
            return 1
        for name in changed:
            _record(name, known.get(name), shown.get(name), process, actor, now)
    return len(changed)


def show(name: str, value: str) -> str:
    """Return a setting as it may stand in the trail."""
    if not value or name.endswith("_FILE"):
        return value
    if _SECRET.search(name) and name not in _NO_SECRET:
        return f"secret {_fingerprint(name, value)}"
    masked = _SECRET_IN_QUERY.sub(r"\1…", _WHO_IN_ADDRESS.sub("…@", value))
    if "://" not in value and "@" in value:
        masked = ", ".join(f"…@{domain}" for domain in _DOMAIN.findall(value))
    if masked == value and len(value) <= _LONGEST:
        return value
    return f"{masked[:_LONGEST]} {_fingerprint(name, value)}"


def _fingerprint(name: str, value: str) -> str:
    """Return enough to see a change by, keyed: nobody tries passwords against it without ``SECRET_KEY``.

    ``SECRET_KEY`` is there before any key service is, and the same in every process. When it is changed, all
    fingerprints change with it: nobody could tell which of the secrets stayed.
    """
    digest = salted_hmac("audit.configuration", f"{name}\0{value}", algorithm="sha256").hexdigest()
    return f"#{digest[:8]}"


def _keep(process: str, name: str, value: str | None, now: datetime) -> None:
    row = KnownSetting.objects.filter(process=process, name=name)
    if value is None:
        row.delete()
    elif not row.update(value=value, since=now):
        KnownSetting.objects.create(process=process, name=name, value=value, since=now)


def _record(name: str, old: str | None, new: str | None, process: str, actor: Actor, now: datetime) -> None:
    trail.record(
        Action.SETTINGS_CHANGED,
        actor=actor,
        target=TARGET,
        at=now,
        name=name,
        old=old,
        new=new,
        process=process,
    )
