"""Who there is: people, teams, invitations, signed-in sessions and service tokens.

Secrets are never here in clear: passwords as Argon2, invitations and tokens as SHA-256 of a random secret.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from vault import clock
from vault.access.roles import PEOPLES_ROLES, Role
from vault.errors import Missing

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as LazyText

FORGOTTEN = _("Somebody forgotten")


class NoSuchPerson(Missing):
    """No account has this id."""

    code = "no-such-person"


class NoSuchTeam(Missing):
    """No team has this id."""

    code = "no-such-team"


class NoSuchToken(Missing):
    """No service token has this id."""

    code = "no-such-token"


class UserQuerySet(models.QuerySet["User"]):
    """People."""

    def get_by_natural_key(self, email: str | None) -> User:
        """Return the account that signs in with this e-mail address, however it is written."""
        return self.get(email=(email or "").lower())

    def require(self, person_id: uuid.UUID) -> User:
        """Return the account, or refuse."""
        person = self.filter(pk=person_id).first()
        if person is None:
            raise NoSuchPerson
        return person


class TeamQuerySet(models.QuerySet["Team"]):
    """Teams."""

    def require(self, team_id: uuid.UUID) -> Team:
        """Return the team, or refuse."""
        team = self.filter(pk=team_id).first()
        if team is None:
            raise NoSuchTeam
        return team


class ServiceTokenQuerySet(models.QuerySet["ServiceToken"]):
    """Service tokens."""

    def require(self, token_id: uuid.UUID) -> ServiceToken:
        """Return the token, or refuse."""
        token = self.filter(pk=token_id).first()
        if token is None:
            raise NoSuchToken
        return token


ROLE_NAMES = {
    Role.AGENT: _("Agent"),
    Role.SUPERVISOR: _("Supervisor"),
    Role.REVIEWER: _("Quality reviewer"),
    Role.DPO: _("Data protection officer"),
    Role.ADMINISTRATOR: _("Administrator"),
    Role.INTEGRATION: _("Integration"),
}


class NameField(models.CharField):  # type: ignore[type-arg]
    """A person's name; who was forgotten has none, and whoever reads it is told so in their language."""

    def from_db_value(self, value: str | None, *_args: object) -> str | LazyText | None:
        """Return the name, or that it was forgotten."""
        return FORGOTTEN if value == "" else value

    def get_prep_value(self, value: object) -> object:
        """Keep the place of a forgotten name empty."""
        return "" if value is FORGOTTEN else super().get_prep_value(value)


class User(AbstractBaseUser):
    """A person who signs in. Personal data: email, name, language; all of it gone when forgotten."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(_("e-mail address"), max_length=254, unique=True)
    name = NameField(_("name"), max_length=120)
    role = models.CharField(
        _("role"), max_length=16, choices=[(role.value, ROLE_NAMES[role]) for role in PEOPLES_ROLES]
    )
    language = models.CharField(_("language"), max_length=8, default="en")
    is_active = models.BooleanField(_("may sign in"), default=True)
    invited_at = models.DateTimeField(default=clock.now)  # when the last link was made
    disabled_at = models.DateTimeField(null=True)
    forgotten_at = models.DateTimeField(null=True)
    teams: models.ManyToManyField[Team, Membership] = models.ManyToManyField(
        "Team", through="Membership", related_name="people"
    )

    objects = UserQuerySet.as_manager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        constraints = [
            models.CheckConstraint(name="email_is_lower_case", condition=Q(email=Lower(F("email")))),
            models.CheckConstraint(
                name="a_person_has_a_role_of_people", condition=Q(role__in=[r.value for r in PEOPLES_ROLES])
            ),
            models.CheckConstraint(
                name="disabled_at_says_when_a_person_may_not_sign_in",
                condition=Q(is_active=True, disabled_at__isnull=True)
                | Q(is_active=False, disabled_at__isnull=False),
            ),
            models.CheckConstraint(
                name="only_who_was_forgotten_has_no_name",
                condition=Q(forgotten_at__isnull=True) & ~Q(name="")
                | Q(forgotten_at__isnull=False, name="", is_active=False),
            ),
        ]

    def __str__(self) -> str:
        return str(self.name)

    def get_full_name(self) -> str:
        """Return the name; Django and allauth ask for it."""
        return str(self.name)


class Team(models.Model):
    """People who work together; it gives reach to the recordings of its calls. No personal data."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=80)
    created_at = models.DateTimeField(default=clock.now)

    objects = TeamQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("name"), name="no_two_teams_have_the_same_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A person in a team. No personal data beyond who."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="memberships")
    since = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "team"], name="nobody_is_in_a_team_twice"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.team_id}"


class Invitation(models.Model):
    """A link with which an invited person chooses a password and enrols a second factor.

    Valid until a factor is enrolled or it expires; a new one replaces it. No personal data beyond who.
    """

    user = models.OneToOneField(User, primary_key=True, on_delete=models.PROTECT, related_name="invitation")
    secret_hash = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"invitation of {self.user_id}"


class SecondFactor(models.TextChoices):
    """With what a session was authenticated beyond the password."""

    NONE = "", _("none yet")
    TOTP = "totp", _("authenticator app")
    PASSKEY = "passkey", _("passkey")
    RECOVERY_CODE = "recovery-code", _("recovery code")


class SignIn(models.Model):
    """One signed-in session, from sign-in to its end. Personal data: device (browser and system only)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="sign_ins")
    second_factor = models.CharField(max_length=16, choices=SecondFactor, blank=True)
    device = models.CharField(max_length=80, blank=True)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_because = models.CharField(max_length=24, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["user"], condition=Q(ended_at__isnull=True), name="sign_ins_not_ended"),
        ]
        constraints = [
            models.CheckConstraint(
                name="an_ended_sign_in_says_why",
                condition=Q(ended_at__isnull=True, ended_because="")
                | (Q(ended_at__isnull=False) & ~Q(ended_because="")),
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)


class ServiceToken(models.Model):
    """With what another system calls the API. Its secret is shown once and kept only as SHA-256."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=80)
    secret_hash = models.BinaryField(max_length=32, unique=True)
    hint = models.CharField(max_length=4, help_text="The secret's last characters, to tell tokens apart.")
    scopes = ArrayField(models.CharField(max_length=40))
    created_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    objects = ServiceTokenQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="a_token_expires_after_it_was_made", condition=Q(expires_at__gt=F("created_at"))
            ),
            models.CheckConstraint(name="a_token_has_a_scope", condition=Q(scopes__len__gt=0)),
        ]

    def __str__(self) -> str:
        return self.name
