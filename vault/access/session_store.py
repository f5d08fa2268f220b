"""Sessions in PostgreSQL that a copy of the database cannot use: hashed keys, sealed contents.

Django's own store keeps the session key and its contents readable. Here the row is found by a hash of the
key, and holds what allauth puts there meanwhile (such as the secret of an authenticator app being enrolled)
only sealed under a key made from SECRET_KEY.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.base_session import AbstractBaseSession
from django.contrib.sessions.models import Session
from django.utils.crypto import salted_hmac

from vault import clock
from vault.crypto import fields
from vault.crypto.errors import NotAuthentic, UnknownFormat

if TYPE_CHECKING:
    from vault.access.models import User


class SessionStore(DatabaseStore):
    """Django's database store, except for what is written."""

    def _get_session_from_db(self) -> AbstractBaseSession | None:
        row = Session.objects.filter(
            session_key=_hashed(self.session_key), expire_date__gt=clock.now()
        ).first()
        if row is None:
            self._session_key = None
        return row

    def load(self) -> dict[str, Any]:
        """Return the contents; what cannot be opened counts as no session."""
        row = self._get_session_from_db()
        if row is None:
            return {}
        contents = _open(row)
        if contents is None:
            self._session_key = None
        return contents or {}

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        """Return the row to write, sealed."""
        hashed = _hashed(self._get_or_create_session_key())  # type: ignore[attr-defined]
        sealed = fields.seal_field(_key(), json.dumps(data).encode(), _place(hashed))
        return Session(
            session_key=hashed,
            session_data=base64.b64encode(sealed).decode(),
            expire_date=self.get_expiry_date(),
        )

    def exists(self, session_key: str | None) -> bool:
        """Say whether a session has this key."""
        return Session.objects.filter(session_key=_hashed(session_key)).exists()

    def delete(self, session_key: str | None = None) -> None:
        """Forget a session; without a key, this one."""
        key = self.session_key if session_key is None else session_key
        if key is not None:
            Session.objects.filter(session_key=_hashed(key)).delete()


def delete_all_of(user: User) -> int:
    """Forget every session that belongs to an account, in the caller's transaction; return how many."""
    owner = str(user.pk)
    theirs = [
        row.session_key
        for row in Session.objects.iterator(chunk_size=500)
        if (_open(row) or {}).get(SESSION_KEY) == owner
    ]
    return Session.objects.filter(session_key__in=theirs).delete()[0]


def _open(row: AbstractBaseSession) -> dict[str, Any] | None:
    """Return a row's contents; None for what cannot be opened."""
    try:
        contents: dict[str, Any] = json.loads(
            fields.open_field(_key(), base64.b64decode(row.session_data), _place(row.session_key))
        )
    except (NotAuthentic, UnknownFormat, ValueError):
        return None
    return contents


def _hashed(session_key: str | None) -> str:
    return hashlib.sha256((session_key or "").encode()).hexdigest()[:40]


def _place(hashed_key: str) -> bytes:
    return f"django_session|session_data|{hashed_key}|1".encode()


def _key() -> bytes:
    return salted_hmac("vault.access.session_store", "contents", algorithm="sha256").digest()
