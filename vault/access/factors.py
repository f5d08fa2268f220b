"""Second factors: what a person has enrolled, and how their secrets are sealed at rest."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from allauth.mfa.models import Authenticator

from vault.access.models import SecondFactor, User
from vault.crypto import fields
from vault.kms import masters

if TYPE_CHECKING:
    from collections.abc import Iterable

# allauth's word for a kind of factor -> ours
METHODS: dict[str, SecondFactor] = {
    Authenticator.Type.TOTP: SecondFactor.TOTP,
    Authenticator.Type.WEBAUTHN: SecondFactor.PASSKEY,
    Authenticator.Type.RECOVERY_CODES: SecondFactor.RECOVERY_CODE,
}
PRIMARY = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
_PLACE = b"mfa_authenticator|data|secret|1"


@dataclass(frozen=True, slots=True)
class Factors:
    """What one person has enrolled."""

    has_app: bool
    passkeys: int
    has_recovery_codes: bool

    @property
    def is_enrolled(self) -> bool:
        """Say whether there is a factor to sign in with; recovery codes alone are none."""
        return self.has_app or self.passkeys > 0


def factors_of(user: User) -> Factors:
    """Return what a person has enrolled."""
    return _sorted(Authenticator.objects.filter(user=user).values_list("type", flat=True))


def factors_of_all(users: Iterable[User]) -> dict[object, Factors]:
    """Return what each of several people has enrolled, by account id."""
    kinds: dict[object, list[str]] = {user.pk: [] for user in users}
    for user_id, kind in Authenticator.objects.filter(user__in=list(kinds)).values_list("user_id", "type"):
        kinds[user_id].append(kind)
    return {user_id: _sorted(found) for user_id, found in kinds.items()}


def is_enrolled(user: User) -> bool:
    """Say whether a person has a factor to sign in with."""
    found: bool = Authenticator.objects.filter(user=user, type__in=PRIMARY).exists()
    return found


def enrol_totp(user: User, secret: str) -> None:
    """Enrol an authenticator app with a known secret (base32), as the demo and tests do."""
    Authenticator.objects.update_or_create(
        user=user, type=Authenticator.Type.TOTP, defaults={"data": {"secret": seal_secret(secret)}}
    )


def remove_all(user: User) -> int:
    """Delete everything a person has enrolled, in the caller's transaction. Return how many."""
    count: int = Authenticator.objects.filter(user=user).delete()[0]
    return count


def seal_secret(secret: str) -> str:
    """Return a factor's secret as it may stand in the database."""
    return base64.b64encode(fields.seal_field(_master(), secret.encode(), _PLACE)).decode()


def open_secret(sealed: str) -> str:
    """Return a factor's secret."""
    return fields.open_field(_master(), base64.b64decode(sealed), _PLACE).decode()


def _master() -> bytes:
    return masters.get("accounts", kek="accounts")


def _sorted(kinds: Iterable[str]) -> Factors:
    found = list(kinds)
    return Factors(
        has_app=Authenticator.Type.TOTP in found,
        passkeys=found.count(Authenticator.Type.WEBAUTHN),
        has_recovery_codes=Authenticator.Type.RECOVERY_CODES in found,
    )
