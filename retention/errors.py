"""Refusals about keeping and erasing. Texts hold nothing personal."""

from django.utils.translation import gettext_lazy as _

from vault.errors import Conflict, Invalid, Missing, Unavailable


class NoSuchPolicy(Missing):
    """No policy has this id."""

    code = "no-such-policy"
    title = _("There is no such retention policy")


class PolicyNotInForce(Conflict):
    """It was retired, or replaced by another version in the meantime."""

    code = "policy-not-in-force"
    title = _("This policy is no longer in force")


class PolicyInvalid(Invalid):
    """Its terms contradict each other or lack something."""

    code = "policy-invalid"
    title = _("The terms of this policy are not valid")


class GroundNeeded(Invalid):
    """Nothing is erased by hand without a ground: it stands in the proof."""

    code = "ground-needed"
    title = _("Say why this recording is erased: it stands in its proof")


class NoSuchHold(Missing):
    """Unknown, or on a recording out of reach."""

    code = "no-such-hold"
    title = _("There is no such hold")


class AlreadyReleased(Conflict):
    """The hold ended before."""

    code = "already-released"
    title = _("This hold has been released already")


class AlreadyRestricted(Conflict):
    """One restriction is enough."""

    code = "already-restricted"
    title = _("This recording is restricted already")


class NotRestricted(Conflict):
    """There is no restriction to lift."""

    code = "not-restricted"
    title = _("This recording is not restricted")


class AlreadyFrozen(Conflict):
    """One freeze is enough."""

    code = "already-frozen"
    title = _("An access request has frozen this recording already")


class NotFrozen(Conflict):
    """There is no freeze to lift."""

    code = "not-frozen"
    title = _("No access request freezes this recording")


class ReasonMissing(Invalid):
    """Somebody will have to understand later why this was done."""

    code = "reason-missing"
    title = _("Say why, in words that another person will understand later")


class Frozen(Conflict):
    """An open access request needs it."""

    code = "frozen"
    title = _("An open access request forbids erasing this recording")


class RestrictedFromErasure(Conflict):
    """Art. 18: the person asked that it be kept."""

    code = "restricted"
    title = _("A restriction forbids erasing this recording")


class MustBeKept(Conflict):
    """The floor of a policy has not been reached."""

    code = "must-be-kept"
    title = _("A duty to keep this recording still runs")


class NoSuchErasure(Missing):
    """The recording has not been erased, nor is it due."""

    code = "no-such-erasure"
    title = _("This recording is not being erased")


class NotYetCertified(Conflict):
    """The erasure has not come to its end."""

    code = "not-yet-certified"
    title = _("The erasure is not certified yet, so there is no proof of it")


class NotStuck(Conflict):
    """It goes on by itself."""

    code = "not-stuck"
    title = _("This erasure is not waiting for anybody")


class CountDiffers(Conflict):
    """What was typed is not the number of recordings it is about."""

    code = "count-differs"
    title = _("The number you typed is not the number of recordings; nothing was changed")


class ClockDoubted(Unavailable):
    """The database's clock jumped: nothing is destroyed until it is right or confirmed."""

    code = "clock-doubted"
    title = _("The clock jumped, so nothing is erased until somebody has confirmed the time")


class LedgerAhead(Unavailable):
    """The ledger outside holds more than this database knows: it was restored from a backup."""

    code = "ledger-ahead"
    title = _("This database is behind its ledger; what it lacks has to be replayed first")
