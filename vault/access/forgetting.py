"""Forgetting a person who has left: what the vault knows of them goes, what they did stays as somebody's.

The account keeps its id, so that whatever names it still holds; its name, address, factors, sessions, devices,
teams and links go, and with its keys all that the trail says of it. Decided by two people: ``vault.approvals``.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from uuid import UUID

from allauth.account.models import EmailAddress, EmailConfirmation
from django.utils.translation import gettext as _

from audit import trail
from audit.actor import Actor
from audit.subjects import Subject
from vault.access import factors, invitations, session_store
from vault.access.models import Membership, SignIn, User
from vault.access.people import PersonForgotten
from vault.errors import Conflict

GROUND = "no-longer-needed"


class StillActive(Conflict):
    """The account may still sign in."""

    code = "person-still-active"


def check_forgetting(person_id: UUID) -> User:
    """Return the locked person who may be forgotten, or refuse.

    :raises StillActive: while the account may sign in.
    :raises PersonForgotten: if it was done before.
    """
    person = User.objects.select_for_update().require(person_id)
    if person.forgotten_at is not None:
        raise PersonForgotten
    if person.is_active:
        raise StillActive(_("Disable the account first: only somebody who has left can be forgotten."))
    return person


def forget_person(person_id: UUID, *, actor: Actor, now: datetime, approval: UUID) -> User:
    """Forget a person in the caller's transaction, which also records it.

    Refuses what ``check_forgetting`` refuses.
    """
    person = check_forgetting(person_id)
    factors.remove_all(person)
    invitations.withdraw(person)
    SignIn.objects.filter(user=person).delete()
    session_store.delete_all_of(person)
    Membership.objects.filter(user=person).delete()
    EmailConfirmation.objects.filter(email_address__user=person).delete()
    EmailAddress.objects.filter(user=person).delete()
    person.name, person.language, person.last_login = "", "en", None
    person.email = f"{secrets.token_hex(16)}@forgotten.invalid"
    person.forgotten_at = now
    person.set_unusable_password()
    person.save()
    trail.forget(Subject.account(person.pk), actor=actor, at=now, ground=GROUND, approval=str(approval))
    return person
