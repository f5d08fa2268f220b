"""The four answers beside a recording: why may I hear it, how long is it kept, who listened, is it intact.

And why a call cannot be opened at all. Values come in, sentences go out, in the reader's language.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from recordings.basis_rules import PurposeState, Verdict
from recordings.models import Basis, Recording
from recordings.wording import BASES
from vault.web.words import day, moment, time_of_day

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise


@dataclass(frozen=True, slots=True)
class Closed:
    """Why a call cannot be opened."""

    icon: str
    title: StrPromise
    text: StrPromise

    def told(self) -> dict[str, str]:
        """Return it in the reader's language."""
        return {"icon": self.icon, "title": str(self.title), "text": str(self.text)}


CLOSED_TO_ROLE = Closed(
    "ban",
    gettext_lazy("You see what is kept and why; you do not listen"),
    gettext_lazy(
        "Your role looks after the rules. Listening is for others, so that each can check on the other."
    ),
)
CLOSED_BY_QUARANTINE = Closed(
    "lock",
    gettext_lazy("This call is in quarantine"),
    gettext_lazy(
        "No lawful basis was found for it, so it stays sealed and nobody can play it. It opens when one is"
        " recorded; until then its time runs out."
    ),
)
CLOSED_BY_RESTRICTION = Closed(
    "hand",
    gettext_lazy("This call is restricted"),
    gettext_lazy(
        "Somebody objected, or said that it is wrong. Until that is decided the call is kept, but not used"
        " (Art. 18 GDPR)."
    ),
)
CLOSED_WITHOUT_BASIS = Closed(
    "ban",
    gettext_lazy("Nothing allows listening to this call"),
    gettext_lazy(
        "Each purpose needs a lawful basis, and none of them has one now. The history below says what was"
        " given, refused or withdrawn."
    ),
)


def why_this_purpose(state: PurposeState) -> str:
    """Say why a purpose may be chosen, or why not."""
    if state.verdict is Verdict.REFUSED:
        return _("Not possible: the caller said no to this")
    if state.verdict is Verdict.WITHDRAWN:
        return _("Not possible: the caller took consent back")
    if state.verdict is Verdict.NONE or state.at is None:
        return _("Not possible: nothing allows it")
    if state.basis == Basis.CONSENT:
        return _("The caller agreed on %(moment)s") % {"moment": moment(state.at)}
    return _("Allowed by: %(basis)s") % {"basis": BASES[Basis(state.basis)]}


def why_may_i_hear(recording: Recording, *, may_play: bool, is_closed: bool) -> list[str]:
    """Say what brings a call within somebody's reach."""
    if not may_play:
        return [_("You may not. You see every call's rules and its trail, and hear none.")]
    team = recording.team.name if recording.team else ""
    reach = _("You are in %(team)s, which took this call.") % {"team": team}
    return [reach, _("Nobody may hear it now.") if is_closed else _("You still need to say what it is for.")]


def why_you_hear(recording: Recording, purpose: str) -> list[str]:
    """Say why the call is open to somebody now."""
    team = recording.team.name if recording.team else ""
    return [_("You are in %(team)s, and you chose %(purpose)s.") % {"team": team, "purpose": purpose}]


def how_long_kept(recording: Recording, now: datetime) -> list[str]:
    """Say until when a recording is kept, under which policy, and what stops the clock."""
    sentences = []
    if recording.expires_at is None:
        sentences.append(_("No end is set yet."))
    else:
        left = (timezone.localdate(recording.expires_at) - timezone.localdate(now)).days
        words = {"day": day(recording.expires_at)}
        if left > 0:
            days = ngettext("%(n)s day from now", "%(n)s days from now", left) % {"n": left}
            sentences.append(_("Until %(day)s, %(left)s.") % (words | {"left": days}))
        elif recording.expires_at > now:
            sentences.append(_("Until today, %(time)s.") % {"time": time_of_day(recording.expires_at)[:5]})
        else:
            sentences.append(_("Its time was over on %(day)s.") % words)
    if recording.policy_name:
        sentences.append(_("Under the policy “%(policy)s”.") % {"policy": recording.policy_name})
    if recording.is_held:
        sentences.append(_("A legal hold stops the clock: it is not erased before the hold is released."))
    if recording.is_frozen:
        sentences.append(_("A request to see what is kept stops the clock until it is answered."))
    if recording.in_conflict and recording.keep_until_at_least is None:
        sentences.append(
            _("No policy applies to this call. It is kept until the data protection officer decides.")
        )
    elif recording.in_conflict:
        sentences.append(_("Two rules disagree about it. Nothing is erased until somebody decides."))
    return sentences


def who_listened(people: int) -> str:
    """Say to how many people anything of a call was sent."""
    if people == 0:
        return _("Nobody yet.")
    return ngettext("%(n)s person.", "%(n)s people.", people) % {"n": people}


def how_intact(recording: Recording) -> list[str]:
    """Say since when a call is sealed, and what is checked when it is heard."""
    return [
        _("Sealed on arrival, %(moment)s.") % {"moment": moment(recording.ingested_at)},
        _("Every piece is checked against its seal before it is sent; a changed one is not played."),
    ]
