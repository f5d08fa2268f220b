"""What nobody does alone to an account: grant the DPO's or an administrator's role, renew or give back the access
of somebody who has one, and forget somebody who has left.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.actor import Actor, Ref
from audit.subjects import Subject
from vault.access import factors, forgetting, pages, people
from vault.access.invitations import Invited
from vault.access.models import ROLE_NAMES, NoSuchPerson, User
from vault.access.people import PersonDisabled, PersonForgotten
from vault.access.roles import Role
from vault.access.second_person import FORGET, GRANT_ROLE, LET_IN, PRIVILEGED, RENEW_SIGN_IN
from vault.approvals import kinds, words
from vault.approvals.errors import ParametersInvalid, SecondPersonNotNeeded
from vault.approvals.kinds import CarriedOut, Described, Kind, Line
from vault.approvals.models import Approval
from vault.errors import Conflict
from vault.permissions import Permission


class SignInRenewed(Conflict):
    """Whose account it was when it was asked for says nothing of whose it is now."""

    code = "sign-in-renewed"
    title = gettext_lazy("A new link was made for this account since this was asked for: ask again")


def register() -> None:
    """Make these kinds known."""
    for kind in (GrantRole(), RenewSignIn(), LetIn(), ForgetPerson()):
        kinds.register(kind)


class _OfAccount(Kind):
    """Something about one person's account."""

    ask = Permission.PEOPLE_MANAGE
    decide = Permission.ROLE_DECIDE

    def ref(self, asked: Approval) -> Ref:
        """Return the account."""
        return Ref("account", asked.target_id)

    def subject(self, asked: Approval) -> Subject:
        """Forget the words with whose account it is: they speak of that person."""
        return Subject.account(_person_id(asked))

    def describe(self, asked: Approval, *, reader: Actor, now: datetime) -> Described:
        """Say whose account, and how it stands: whoever decides may see people."""
        person = User.objects.require(_person_id(asked))
        return Described(person.name, tuple(self._lines(asked, person)))

    def _lines(self, asked: Approval, person: User) -> list[Line]:
        enrolled = factors.is_enrolled(person)
        return [
            Line(_("Account"), person.name, reverse("access:person", args=[person.pk])),
            Line(_("E-mail"), person.email),
            Line(_("Role now"), str(ROLE_NAMES[Role(person.role)])),
            Line(_("Second factor"), _("Enrolled") if enrolled else _("Not yet")),
            # Whose account it is, is as old as its last link.
            Line(_("Last link made"), date_format(localtime(person.invited_at), "j M Y, H:i")),
        ]


class GrantRole(_OfAccount):
    """Give somebody the DPO's or an administrator's role; the parameter ``role`` says which."""

    code = GRANT_ROLE
    title = gettext_lazy("Grant a role")
    explanation = gettext_lazy(
        "Approving gives the person this role at once and ends their open sessions. Approve only for whom you"
        " know to be who they say they are."
    )

    def check(self, asked: Approval, *, asker: Actor) -> None:
        """Refuse any other role, a disabled account, one's own, and the last administrator's."""
        role = _role(asked)
        person = people.check_role_change(_person_id(asked), role, actor=asker)
        if not person.is_active:
            raise PersonDisabled(_("Enable the account first."))
        if person.invited_at > asked.asked_at:
            raise SignInRenewed
        if person.role == role:
            raise SecondPersonNotNeeded(_("The person has this role already."))

    def carry_out(self, asked: Approval, prepared: Any, *, actor: Actor, now: datetime) -> User:
        """Give the role."""
        return people.give_role(_person_id(asked), _role(asked), actor=actor, now=now, approval=asked.pk)

    def describe(self, asked: Approval, *, reader: Actor, now: datetime) -> Described:
        """Name the role too, and warn of an account that is not its owner's yet."""
        described = super().describe(asked, reader=reader, now=now)
        role = str(ROLE_NAMES[_role(asked)])
        is_enrolled = factors.is_enrolled(User.objects.require(_person_id(asked)))
        return Described(
            _("%(name)s as %(role)s") % {"role": role, "name": described.what},
            (*described.lines, Line(_("New role"), role)),
            ""
            if is_enrolled
            else _("They have not enrolled a second factor yet: whoever holds their link still can."),
        )


class RenewSignIn(_OfAccount):
    """Take away password and factors of a DPO or administrator, for a new link."""

    code = RENEW_SIGN_IN
    title = gettext_lazy("Make a new link")
    explanation = gettext_lazy(
        "Once this is approved, the person who asked gets a link, once: whoever opens it chooses a new password"
        " and second factor for this account. The old ones stop working and its sessions end. Check with the"
        " owner of the account, not with the person who asked, that it is needed."
    )
    carried_out = CarriedOut.BY_REQUESTER

    def check(self, asked: Approval, *, asker: Actor) -> None:
        """Refuse for one's own account, a disabled one, and one that needs no second person."""
        _check_no_parameters(asked)
        _check_privileged(people.check_renewal(_person_id(asked), actor=asker))

    def carry_out(self, asked: Approval, prepared: Any, *, actor: Actor, now: datetime) -> Invited:
        """Take them away, and make the link."""
        return people.renew_sign_in(_person_id(asked), actor=actor, now=now, approval=asked.pk)

    def show(self, request: HttpRequest, result: Any) -> HttpResponse:
        """Show the link."""
        return pages.show_link(request, cast(Invited, result))


class LetIn(_OfAccount):
    """Let a disabled DPO or administrator sign in again."""

    code = LET_IN
    title = gettext_lazy("Enable an account")
    explanation = gettext_lazy(
        "Approving lets the person sign in again at once, with their role, their password and their factors."
    )

    def check(self, asked: Approval, *, asker: Actor) -> None:
        """Refuse for an account that may sign in, and for one that needs no second person."""
        _check_no_parameters(asked)
        person = User.objects.select_for_update().require(_person_id(asked))
        if person.forgotten_at is not None:
            raise PersonForgotten
        if person.is_active:
            raise SecondPersonNotNeeded(_("The account may sign in already."))
        _check_privileged(person)

    def carry_out(self, asked: Approval, prepared: Any, *, actor: Actor, now: datetime) -> User:
        """Let them in."""
        return people.let_in(_person_id(asked), actor=actor, now=now, approval=asked.pk)


class ForgetPerson(_OfAccount):
    """Forget somebody who has left."""

    code = FORGET
    title = gettext_lazy("Forget a person")
    explanation = gettext_lazy(
        "Approving removes this person's name, e-mail address, sessions, devices and second factors for good, and"
        " destroys the keys that open what the trail says of them: also in every backup without those keys. What"
        " they did stays in the trail as somebody forgotten, and every proof still holds. Nobody can undo it."
    )
    ask = Permission.PERSON_FORGET
    decide = Permission.PERSON_FORGET_DECIDE

    def check(self, asked: Approval, *, asker: Actor) -> None:
        """Refuse for an account that may sign in, and for somebody who is forgotten already."""
        _check_no_parameters(asked)
        forgetting.check_forgetting(_person_id(asked))

    def carry_out(self, asked: Approval, prepared: Any, *, actor: Actor, now: datetime) -> User:
        """Forget them, and what was said of them and by them."""
        person_id = _person_id(asked)
        words.forget_person(person_id)
        return forgetting.forget_person(person_id, actor=actor, now=now, approval=asked.pk)


def _person_id(asked: Approval) -> UUID:
    return kinds.target_uuid(asked, NoSuchPerson)


def _role(asked: Approval) -> Role:
    role = asked.parameters.get("role")
    if asked.parameters.keys() != {"role"} or role not in PRIVILEGED:
        raise ParametersInvalid
    return Role(role)


def _check_no_parameters(asked: Approval) -> None:
    if asked.parameters:
        raise ParametersInvalid


def _check_privileged(person: User) -> None:
    if person.role not in PRIVILEGED:
        raise SecondPersonNotNeeded
