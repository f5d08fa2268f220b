"""Refusals about a second person. Texts hold nothing personal."""

from django.utils.translation import gettext_lazy as _

from vault.errors import Conflict, Forbidden, Invalid, Missing


class NoSuchApproval(Missing):
    """Unknown, or nothing that this person asked for or may decide on: both look the same."""

    code = "no-such-approval"
    title = _("There is no such request")


class NoSuchKind(Missing):
    """Nothing of this name needs a second person."""

    code = "no-such-kind"
    title = _("There is no such kind of request")


class ParametersInvalid(Invalid):
    """The kind needs other parameters."""

    code = "parameters-invalid"
    title = _("This request lacks something that its kind needs, or has something it does not take")


class ReasonNeeded(Invalid):
    """Somebody else has to understand it."""

    code = "reason-needed"
    title = _("Say why, in words that the other person will understand")


class AlreadyAsked(Conflict):
    """The same waits already."""

    code = "already-asked"
    title = _("Somebody has asked for this already; it waits for a second person")


class SecondPersonNotNeeded(Conflict):
    """Nothing sensitive about it."""

    code = "second-person-not-needed"
    title = _("This needs no second person: do it directly")


class OwnRequest(Forbidden):
    """Who asks does not decide."""

    code = "own-request"
    title = _("You asked for this yourself, so somebody else has to decide")


class AboutYourself(Forbidden):
    """Nobody decides on their own account."""

    code = "about-yourself"
    title = _("This is about your own account, so somebody else has to decide")


class NotYourRequest(Forbidden):
    """Only who asked withdraws it or carries it out."""

    code = "not-your-request"
    title = _("Only who asked for this can do that")


class AlreadyDecided(Conflict):
    """It does not wait any more."""

    code = "already-decided"
    title = _("This request does not wait any more: it was decided on, withdrawn or carried out")


class ApprovalExpired(Conflict):
    """Nobody decided in time, or it was not carried out in time."""

    code = "approval-expired"
    title = _("The time for this request has passed; it has to be asked for again")


class NotApproved(Conflict):
    """There is nothing to carry out."""

    code = "not-approved"
    title = _("Nobody has approved this yet")


class AskerGone(Conflict):
    """Who asked was disabled, or has another role now."""

    code = "asker-gone"
    title = _("The person who asked for this may not do so any more")


class NoLongerPossible(Conflict):
    """What was asked for cannot be carried out any more; the request is over."""

    code = "no-longer-possible"
    title = _("What was asked for is no longer possible, so the request is over")
