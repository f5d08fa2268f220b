"""The trail in words: for each action a sentence about who did it to what, and its icon."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as __
from django.utils.translation import pgettext_lazy

from audit.actions import Action

# {what} is the target, as a link where there is a page for it. The sentence begins with who.
SENTENCES: dict[Action, tuple[Promise, str]] = {
    Action.SESSION_SIGNED_IN: (__("signed in"), "log-in"),
    Action.SESSION_SIGN_IN_FAILED: (__("failed to sign in"), "ban"),
    Action.SESSION_SIGNED_OUT: (__("signed out"), "log-out"),
    Action.SESSION_SECOND_FACTOR_FAILED: (__("failed at the second factor"), "ban"),
    Action.ACCOUNT_FACTOR_ADDED: (__("added a second factor to {what}"), "fingerprint"),
    Action.ACCOUNT_FACTOR_REMOVED: (__("removed a second factor from {what}"), "fingerprint"),
    Action.ACCOUNT_RECOVERY_CODES_MADE: (__("made recovery codes for {what}"), "key-round"),
    Action.ACCOUNT_PASSWORD_CHANGED: (__("changed the password of {what}"), "key-round"),
    Action.ACCOUNT_PASSWORD_RESET_REQUESTED: (__("asked for a new password"), "key-round"),
    Action.ACCOUNT_INVITED: (__("invited {what}"), "user-plus"),
    Action.ACCOUNT_ENABLED: (__("enabled {what}"), "user"),
    Action.ACCOUNT_DISABLED: (__("disabled {what}"), "shield-off"),
    Action.ACCOUNT_ROLE_CHANGED: (__("changed the role of {what}"), "user"),
    Action.ACCOUNT_TEAM_CHANGED: (__("changed the teams of {what}"), "users"),
    Action.ACCOUNT_LANGUAGE_CHANGED: (__("changed the language of {what}"), "settings"),
    Action.TEAM_CREATED: (__("made {what}"), "users"),
    Action.TEAM_CHANGED: (__("changed {what}"), "users"),
    Action.TOKEN_CREATED: (__("made {what}"), "plug"),
    Action.TOKEN_REVOKED: (__("revoked {what}"), "plug"),
    Action.ACCESS_REFUSED: (__("asked for {what}"), "ban"),
    Action.RECORDING_ANNOUNCED: (__("announced a call"), "phone-incoming"),
    Action.RECORDING_INGESTED: (__("brought in {what}"), "phone-incoming"),
    Action.RECORDING_INGEST_REFUSED: (__("tried to bring in {what}"), "phone-incoming"),
    Action.RECORDING_QUARANTINED: (__("put {what} in quarantine"), "lock"),
    Action.RECORDING_RELEASED_FROM_QUARANTINE: (__("released {what} from quarantine"), "lock-open"),
    Action.RECORDING_LISTED: (__("looked through the recordings"), "eye"),
    Action.RECORDING_SEARCHED: (__("searched by a number or reference"), "search"),
    Action.RECORDING_VIEWED: (__("opened {what}"), "eye"),
    Action.RECORDING_NUMBER_REVEALED: (__("saw the full number of {what}"), "eye"),
    Action.BASIS_RECORDED: (__("recorded a lawful basis for {what}"), "file-text"),
    Action.PURPOSE_CHANGED: (__("changed {what}"), "tag"),
    Action.PLAYBACK_GRANTED: (__("was permitted to hear {what}"), "key-round"),
    Action.PLAYBACK_WINDOW: (__("was sent a passage of {what}"), "ear"),
    Action.PLAYBACK_CLOSED: (__("heard {what}"), "ear"),
    Action.PLAYBACK_REFUSED: (__("tried to hear {what}"), "ban"),
    Action.PLAYBACK_ENDED: (__("was stopped while hearing {what}"), "undo-2"),
    Action.RESTRICTION_SET: (__("restricted {what}"), "hand"),
    Action.RESTRICTION_LIFTED: (__("lifted the restriction of {what}"), "hand"),
    Action.FREEZE_PLACED: (__("froze {what}"), "snowflake"),
    Action.FREEZE_LIFTED: (__("lifted the freeze of {what}"), "snowflake"),
    Action.HOLD_PLACED: (__("placed a hold: {what}"), "scale"),
    Action.HOLD_RELEASED: (__("released a hold: {what}"), "scale"),
    Action.POLICY_CREATED: (__("wrote {what}"), "calendar-clock"),
    Action.POLICY_CHANGED: (__("changed {what}"), "calendar-clock"),
    Action.POLICY_APPROVED: (__("approved {what}"), "calendar-clock"),
    Action.POLICY_RETIRED: (__("retired {what}"), "calendar-clock"),
    Action.RECORDING_EXPIRY_SET: (__("set how long {what} is kept"), "hourglass"),
    Action.RECORDING_ERASED: (__("erased {what}"), "archive-x"),
    Action.ERASURE_REQUESTED: (__("ordered the erasure of {what}"), "archive-x"),
    Action.ERASURE_OBJECTS_DELETED: (__("deleted every copy: {what}"), "archive-x"),
    Action.ERASURE_VERIFIED: (__("found no copy any more: {what}"), "archive-x"),
    Action.ERASURE_CERTIFIED: (__("certified the erasure: {what}"), "file-check-2"),
    Action.ERASURE_STUCK: (__("could not finish the erasure: {what}"), "triangle-alert"),
    Action.ERASURE_RETRIED: (__("tried the erasure again: {what}"), "refresh-cw"),
    Action.ERASURE_PROOF_READ: (__("took the proof of the erasure: {what}"), "file-check-2"),
    Action.CLOCK_DOUBTED: (__("doubted the clock and erased nothing"), "clock"),
    Action.CLOCK_BELIEVED: (__("believed the clock again"), "clock"),
    Action.CLOCK_CONFIRMED: (__("confirmed the clock"), "clock"),
    Action.TRAIL_SEARCHED: (__("looked through the trail"), "history"),
    Action.TRAIL_EVENT_READ: (__("opened an event of the trail"), "history"),
    Action.TRAIL_EXPORTED: (__("asked for an export of the trail"), "file-down"),
    Action.TRAIL_EXPORT_FINISHED: (__("finished an export of the trail"), "file-down"),
    Action.TRAIL_EXPORT_DOWNLOADED: (__("fetched an export of the trail"), "download"),
    Action.TRAIL_EXPORT_EXPIRED: (__("removed an export of the trail"), "trash-2"),
    Action.TRAIL_VERIFIED: (__("checked the trail"), "shield-check"),
    Action.TRAIL_FORGOTTEN: (__("made the trail forget {what}"), "archive-x"),
    Action.KEY_CREATED: (__("made {what}"), "key-round"),
    Action.KEY_MOVED: (__("moved {what}"), "key-round"),
    Action.KEY_DESTROYED: (__("destroyed {what}"), "key-round"),
    Action.SETTINGS_CHANGED: (__("changed {what}"), "settings"),
    Action.JOB_FAILED: (__("failed at {what}"), "triangle-alert"),
    Action.IMPORT_RUN: (__("imported a folder of calls"), "phone-incoming"),
}

TARGETS: dict[str, Promise] = {
    "recording": __("a recording"),
    "account": __("an account"),
    "team": __("a team"),
    "token": __("a service token"),
    "policy": __("a retention policy"),
    "hold": __("a hold"),
    "erasure": __("an erasure"),
    "export": __("an export"),
    "grant": __("a permission to listen"),
    "trail": __("the trail"),
    "intake": __("an announced call"),
    "purpose": __("a purpose"),
    "basis": __("a lawful basis"),
    "job": __("a job"),
    "session": __("a session"),
    "settings": __("the settings"),
    "key": __("a key"),
    "page": __("a page"),
    "day": __("the unknown visitors of a day"),
}

GROUP_NAMES: dict[str, Promise] = {
    "heard": __("Heard or seen"),
    "refused": __("Refused"),
    "changed": __("Changed"),
    "brought": __("Brought in"),
    "erased": __("Erased"),
    "signed-in": __("Signed in"),
    "trail": __("The trail itself"),
}

# The facts that a row of the timeline shows, and what they are called; the others stand on the event's page.
FACT_NAMES: dict[str, Promise] = {
    "accepted": pgettext_lazy("fact of an event", "accepted"),
    "at_least": pgettext_lazy("fact of an event", "at least"),
    "at_most": pgettext_lazy("fact of an event", "at most"),
    "basis": pgettext_lazy("fact of an event", "basis"),
    "change": pgettext_lazy("fact of an event", "change"),
    "copies": pgettext_lazy("fact of an event", "copies"),
    "count": pgettext_lazy("fact of an event", "results"),
    "effect": pgettext_lazy("fact of an event", "effect"),
    "error": pgettext_lazy("fact of an event", "error"),
    "field": pgettext_lazy("fact of an event", "field"),
    "filters": pgettext_lazy("fact of an event", "filters"),
    "findings": pgettext_lazy("fact of an event", "findings"),
    "format": pgettext_lazy("fact of an event", "format"),
    "ground": pgettext_lazy("fact of an event", "ground"),
    "kind": pgettext_lazy("fact of an event", "kind"),
    "lawful_basis": pgettext_lazy("fact of an event", "lawful basis"),
    "method": pgettext_lazy("fact of an event", "by"),
    "new": pgettext_lazy("fact of an event", "new"),
    "objects": pgettext_lazy("fact of an event", "copies"),
    "old": pgettext_lazy("fact of an event", "old"),
    "party": pgettext_lazy("fact of an event", "party"),
    "quarantined": pgettext_lazy("fact of an event", "quarantined"),
    "recordings": pgettext_lazy("fact of an event", "recordings"),
    "refused": pgettext_lazy("fact of an event", "refused"),
    "repeated": pgettext_lazy("fact of an event", "repeated"),
    "role": pgettext_lazy("fact of an event", "role"),
    "scope": pgettext_lazy("fact of an event", "scope"),
    "source": pgettext_lazy("fact of an event", "source"),
    "state": pgettext_lazy("fact of an event", "state"),
    "tries": pgettext_lazy("fact of an event", "tries"),
    "until": pgettext_lazy("fact of an event", "until"),
    "version": pgettext_lazy("fact of an event", "version"),
    "why": pgettext_lazy("fact of an event", "why"),
}

OUTCOME_NAMES: dict[str, Promise] = {
    "done": __("Done"),
    "refused": __("Refused"),
    "failed": __("Failed"),
}

ACTOR_KINDS: dict[str, Promise] = {
    "person": pgettext_lazy("kind of actor", "A person"),
    "service": pgettext_lazy("kind of actor", "A service"),
    "system": pgettext_lazy("kind of actor", "The vault"),
    "unknown": pgettext_lazy("kind of actor", "Somebody unknown"),
}

_TONES = {
    "ban": "is-refused",
    "archive-x": "is-erased",
    "scale": "is-held",
    "snowflake": "is-held",
    "hand": "is-restricted",
    "undo-2": "is-withdrawn",
    "hourglass": "is-due",
    "triangle-alert": "is-due",
}


@dataclass(frozen=True, slots=True)
class Said:
    """An event's sentence with a place for its target, its icon and the tone of the icon."""

    pattern: str
    icon: str
    tone: str


def say(action: str, outcome: str) -> Said:
    """Return how an action reads; one that this version does not know is named as it is."""
    if action in {known.value for known in SENTENCES}:
        sentence, icon = SENTENCES[Action(action)]
        pattern = str(sentence)
    else:
        pattern, icon = action, "info"
    if outcome == "refused":
        return Said(_("was refused: %(sentence)s") % {"sentence": pattern}, "ban", "is-refused")
    if outcome == "failed":
        return Said(_("failed: %(sentence)s") % {"sentence": pattern}, "triangle-alert", "is-due")
    return Said(pattern, icon, _TONES.get(icon, ""))
