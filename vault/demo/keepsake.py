"""What the demo must remember between two runs: the password, the factors' secrets, the exchange's token.

They stand in one file that only its owner may read. Nothing like it exists outside of a trial.
"""

from __future__ import annotations

import json
import os
import secrets
from base64 import b32encode
from dataclasses import asdict, dataclass, field
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError
from django.utils.translation import gettext as _


@dataclass(slots=True)
class Keepsake:
    """The demo's secrets."""

    password: str = field(repr=False)
    totp_secrets: dict[str, str] = field(default_factory=dict, repr=False)
    token: str = field(default="", repr=False)

    def secret_of(self, email: str) -> str:
        """Return the secret of somebody's authenticator app, made on first use."""
        return self.totp_secrets.setdefault(email, b32encode(secrets.token_bytes(20)).decode())

    def save(self) -> None:
        """Write the file whole, for its owner's eyes only."""
        path = _path()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(self), file, indent=1)
        draft.replace(path)


def load() -> Keepsake:
    """Return what is remembered; the password of the environment (DEMO_PASSWORD) wins."""
    path, password = _path(), os.environ.get("DEMO_PASSWORD", "")
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return Keepsake(
        password=password or kept.get("password") or f"harbour-{secrets.token_hex(6)}",
        totp_secrets=kept.get("totp_secrets", {}),
        token=kept.get("token", ""),
    )


def check_trial() -> None:
    """Refuse outside of a trial: people with a known password have no place in a real vault."""
    if not settings.TRIAL:
        raise CommandError(_("The demo exists only in a trial: VAULT_TRIAL=true."))


def _path() -> Path:
    return Path(os.environ.get("VAULT_VAR") or settings.BASE_DIR / "var") / "demo.json"
