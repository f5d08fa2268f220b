"""Managing people and teams. Each use case is one transaction with its event.

What an administrator may not do alone or to themselves is refused here. What ``vault.approvals`` carries out
once a second person has approved it works in that transaction: ``give_role``, ``renew_sign_in``, ``let_in``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from audit import trail
from audit.actions import Action
from audit.actor import Actor, Ref
from audit.subjects import Subject
from audit.trail import Personal
from vault.access import factors, invitations, sessions
from vault.access.invitations import Invited
from vault.access.models import Membership, NoSuchPerson, Team, User
from vault.access.roles import PEOPLES_ROLES, Role
from vault.access.second_person import check_alone
from vault.errors import Conflict, Invalid


class EmailTaken(Conflict):
    """Somebody signs in with this address already."""

    code = "email-taken"


class OwnAccount(Conflict):
    """Nobody changes their own role or disables themselves."""

    code = "own-account"


class LastAdministrator(Conflict):
    """Without an administrator nobody could invite one."""

    code = "last-administrator"


class TeamNameTaken(Conflict):
    """Another team has this name."""

    code = "team-name-taken"


class PersonDisabled(Conflict):
    """The account may not sign in."""

    code = "person-disabled"


@transaction.atomic(durable=True)
def invite_person(
    email: str,
    *,
    name: str,
    role: Role,
    teams: Iterable[UUID] = (),
    language: str = "en",
    actor: Actor,
    now: datetime,
) -> Invited:
    """Make an account and the link with which its owner chooses a password and a second factor.

    :raises EmailTaken: if somebody signs in with this address already.
    :raises NeedsSecondPerson: for a privileged role: invite an agent, and ask for the role.
    """
    _check_role(role)
    check_alone(role, actor=actor)
    address = email.strip().lower()
    if User.objects.filter(email=address).exists():
        raise EmailTaken(_("Somebody already signs in with this e-mail address."))
    person = User(email=address, name=name.strip(), role=role, language=language, invited_at=now)
    person.set_unusable_password()
    person.save()
    invited = invitations.issue(person, now=now)
    trail.record(
        Action.ACCOUNT_INVITED,
        actor=actor,
        target=_ref(person),
        at=now,
        personal=[trail.Personal(Subject.account(person.pk), {"name": person.name, "email": person.email})],
        role=role.value,
        expires_at=invited.expires_at.isoformat(),
    )
    _change_teams(person, set(teams), actor=actor, now=now)
    return invited


@transaction.atomic(durable=True)
def reset_sign_in(person_id: UUID, *, actor: Actor, now: datetime) -> Invited:
    """Take away a person's password and factors, end their sessions, and invite them again.

    For who lost the phone, or never used the first link.

    :raises OwnAccount: for one's own account.
    :raises PersonDisabled: if the account may not sign in.
    :raises NeedsSecondPerson: if the person has a privileged role.
    """
    person = check_renewal(person_id, actor=actor)
    check_alone(Role(person.role), actor=actor)
    return renew_sign_in(person_id, actor=actor, now=now)


def check_renewal(person_id: UUID, *, actor: Actor) -> User:
    """Return the locked person whose sign-in the actor may renew, or refuse."""
    person = _lock(person_id)
    _check_not_own(person, actor)
    if not person.is_active:
        raise PersonDisabled(_("Enable the account first."))
    return person


def renew_sign_in(person_id: UUID, *, actor: Actor, now: datetime, approval: UUID | None = None) -> Invited:
    """Renew a person's sign-in in the caller's transaction."""
    person = check_renewal(person_id, actor=actor)
    person.set_unusable_password()
    person.invited_at = now
    person.save(update_fields=["password", "invited_at"])
    removed = factors.remove_all(person)
    sessions.end_all(person, "invited-again", now=now)
    invited = invitations.issue(person, now=now)
    if removed:
        trail.record(Action.ACCOUNT_FACTOR_REMOVED, actor=actor, target=_ref(person), at=now, method="all")
    trail.record(
        Action.ACCOUNT_INVITED,
        actor=actor,
        target=_ref(person),
        at=now,
        role=person.role,
        expires_at=invited.expires_at.isoformat(),
        approval=_fact(approval),
    )
    return invited


@transaction.atomic(durable=True)
def change_role(person_id: UUID, role: Role, *, actor: Actor, now: datetime) -> User:
    """Give a person another role and end their sessions; the same role changes nothing.

    :raises OwnAccount: for one's own role.
    :raises LastAdministrator: if nobody else could administer.
    :raises NeedsSecondPerson: for a privileged role.
    """
    person = check_role_change(person_id, role, actor=actor)
    if person.role == role:
        return person
    check_alone(role, actor=actor)
    return give_role(person_id, role, actor=actor, now=now)


def check_role_change(person_id: UUID, role: Role, *, actor: Actor) -> User:
    """Return the locked person to whom the actor may give the role, or refuse."""
    _check_role(role)
    person, is_last_administrator = _lock_with_administrators(person_id)
    _check_not_own(person, actor)
    if person.role != role and is_last_administrator:
        raise LastAdministrator(_("Appoint another administrator first."))
    return person


def give_role(
    person_id: UUID, role: Role, *, actor: Actor, now: datetime, approval: UUID | None = None
) -> User:
    """Give a person another role, and end their sessions, in the caller's transaction."""
    person = check_role_change(person_id, role, actor=actor)
    old, person.role = person.role, role
    person.save(update_fields=["role"])
    trail.record(
        Action.ACCOUNT_ROLE_CHANGED,
        actor=actor,
        target=_ref(person),
        at=now,
        old=old,
        new=role.value,
        sessions_ended=sessions.end_all(person, "role-changed", now=now),
        approval=_fact(approval),
    )
    return person


@transaction.atomic(durable=True)
def disable_person(person_id: UUID, *, actor: Actor, now: datetime, why: str = "") -> User:
    """Forbid a person to sign in, and end their sessions at once.

    :raises OwnAccount: for one's own account.
    :raises LastAdministrator: if nobody else could administer.
    """
    person, is_last_administrator = _lock_with_administrators(person_id)
    _check_not_own(person, actor)
    if not person.is_active:
        return person
    if is_last_administrator:
        raise LastAdministrator(_("Appoint another administrator first."))
    person.is_active, person.disabled_at = False, now
    person.save(update_fields=["is_active", "disabled_at"])
    invitations.withdraw(person)
    trail.record(
        Action.ACCOUNT_DISABLED,
        actor=actor,
        target=_ref(person),
        at=now,
        role=person.role,
        why=why or None,
        sessions_ended=sessions.end_all(person, "disabled", now=now),
    )
    return person


@transaction.atomic(durable=True)
def enable_person(person_id: UUID, *, actor: Actor, now: datetime) -> User:
    """Let a disabled person sign in again, with the factors they had.

    :raises NeedsSecondPerson: if the person has a privileged role.
    """
    person = _lock(person_id)
    if person.is_active:
        return person
    check_alone(Role(person.role), actor=actor)
    return let_in(person_id, actor=actor, now=now)


def let_in(person_id: UUID, *, actor: Actor, now: datetime, approval: UUID | None = None) -> User:
    """Let a disabled person sign in again, in the caller's transaction."""
    person = _lock(person_id)
    person.is_active, person.disabled_at = True, None
    person.save(update_fields=["is_active", "disabled_at"])
    trail.record(
        Action.ACCOUNT_ENABLED,
        actor=actor,
        target=_ref(person),
        at=now,
        role=person.role,
        approval=_fact(approval),
    )
    return person


@transaction.atomic(durable=True)
def end_sessions(person_id: UUID, *, actor: Actor, now: datetime, but: UUID | None = None) -> int:
    """End a person's sessions, except one if named. Return how many."""
    person = _lock(person_id)
    why = "own-wish" if actor.id == person.pk else "administrator"
    ended = sessions.end_all(person, why, now=now, but=but)
    if ended:
        trail.record(Action.SESSION_SIGNED_OUT, actor=actor, target=_ref(person), at=now, why=why)
    return ended


@transaction.atomic(durable=True)
def set_teams(person_id: UUID, teams: Iterable[UUID], *, actor: Actor, now: datetime) -> User:
    """Make these, and no others, the teams of a person."""
    person = _lock(person_id)
    _change_teams(person, set(teams), actor=actor, now=now)
    return person


@transaction.atomic(durable=True)
def set_language(person_id: UUID, language: str, *, actor: Actor, now: datetime) -> User:
    """Choose the language in which a person is written to."""
    person = _lock(person_id)
    if language not in dict(settings.LANGUAGES):
        raise Invalid(_("There is no such language here."), code="no-such-language")
    if person.language == language:
        return person
    old, person.language = person.language, language
    person.save(update_fields=["language"])
    trail.record(
        Action.ACCOUNT_LANGUAGE_CHANGED, actor=actor, target=_ref(person), at=now, old=old, new=language
    )
    return person


@transaction.atomic(durable=True)
def create_team(name: str, *, actor: Actor, now: datetime) -> Team:
    """Make a team without people."""
    _check_team_name(name)
    team = Team.objects.create(name=name.strip(), created_at=now)
    trail.record(
        Action.TEAM_CREATED,
        actor=actor,
        target=Ref("team", str(team.pk)),
        at=now,
        personal=_said_by(actor, new_name=team.name),
    )
    return team


@transaction.atomic(durable=True)
def rename_team(team_id: UUID, name: str, *, actor: Actor, now: datetime) -> Team:
    """Give a team another name."""
    team = Team.objects.select_for_update().require(team_id)
    _check_team_name(name, but=team)
    old, team.name = team.name, name.strip()
    team.save(update_fields=["name"])
    trail.record(
        Action.TEAM_CHANGED,
        actor=actor,
        target=Ref("team", str(team.pk)),
        at=now,
        personal=_said_by(actor, old_name=old, new_name=team.name),
        change="renamed",
    )
    return team


def _said_by(actor: Actor, **names: str) -> list[Personal]:
    """Return names that somebody chose: free text, so they stand sealed, under who chose them."""
    return [Personal(Subject.account(actor.id), names)] if actor.id else []


def _lock(person_id: UUID) -> User:
    return User.objects.select_for_update().require(person_id)


def _lock_with_administrators(person_id: UUID) -> tuple[User, bool]:
    """Return the person, and whether without them nobody could administer.

    All are locked in one order: two administrators who disable each other cannot both succeed.
    """
    administrators = Q(role=Role.ADMINISTRATOR, is_active=True)
    locked = list(User.objects.select_for_update().filter(Q(pk=person_id) | administrators).order_by("pk"))
    person = next((user for user in locked if user.pk == person_id), None)
    if person is None:
        raise NoSuchPerson
    others = [user for user in locked if user.pk != person_id]
    return person, person.role == Role.ADMINISTRATOR and person.is_active and not others


def _ref(person: User) -> Ref:
    return Ref("account", str(person.pk))


def _fact(approval: UUID | None) -> str | None:
    return str(approval) if approval else None


def _check_role(role: Role) -> None:
    if role not in PEOPLES_ROLES:
        raise Invalid(_("This role is for service tokens only."), code="role-not-for-people")


def _check_not_own(person: User, actor: Actor) -> None:
    if person.pk == actor.id:
        raise OwnAccount(_("Ask another administrator: nobody does this to their own account."))


def _check_team_name(name: str, but: Team | None = None) -> None:
    if not name.strip():
        raise Invalid(_("A team needs a name."), code="name-missing")
    others = Team.objects.alias(lower=Lower("name")).filter(lower=name.strip().lower())
    if but is not None:
        others = others.exclude(pk=but.pk)
    if others.exists():
        raise TeamNameTaken(_("Another team has this name."))


def _change_teams(person: User, wanted: set[UUID], *, actor: Actor, now: datetime) -> None:
    had = set(person.memberships.values_list("team_id", flat=True))
    for team_id in sorted(wanted - had):
        Membership.objects.create(user=person, team=Team.objects.require(team_id), since=now)
        _record_team(person, team_id, "added", actor=actor, now=now)
    for team_id in sorted(had - wanted):
        person.memberships.filter(team_id=team_id).delete()
        _record_team(person, team_id, "removed", actor=actor, now=now)


def _record_team(person: User, team_id: UUID, change: str, *, actor: Actor, now: datetime) -> None:
    trail.record(
        Action.ACCOUNT_TEAM_CHANGED,
        actor=actor,
        target=_ref(person),
        at=now,
        team=str(team_id),
        change=change,
    )
