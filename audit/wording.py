"""The trail in words: for each action a sentence about who did it to what, and its icon."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from audit.actions import Action

# {what} is the target, as a link where there is a page for it. The sentence begins with who.
SENTENCES: dict[Action, tuple[Promise, str]] = {
    Action.SESSION_SIGNED_IN: (_("signed in"), "log-in"),
    Action.SESSION_SIGN_IN_FAILED: (_("failed to sign in"), "ban"),
    Action.SESSION_SIGNED_OUT: (_("signed out"), "log-out"),
    Action.SESSION_SECOND_FACTOR_FAILED: (_("failed at the second factor"), "ban"),
    Action.ACCOUNT_FACTOR_ADDED: (_("added a second factor to {what}"), "fingerprint"),
    Action.ACCOUNT_FACTOR_REMOVED: (_("removed a second factor from {what}"), "fingerprint"),
    Action.ACCOUNT_RECOVERY_CODES_MADE: (_("made recovery codes for {what}"), "key-round"),
    Action.ACCOUNT_PASSWORD_CHANGED: (_("changed the password of {what}"), "key-round"),
    Action.ACCOUNT_PASSWORD_RESET_REQUESTED: (_("asked for a new password"), "key-round"),
    Action.ACCOUNT_INVITED: (_("invited {what}"), "user-plus"),
    Action.ACCOUNT_ENABLED: (_("enabled {what}"), "user"),
    Action.ACCOUNT_DISABLED: (_("disabled {what}"), "shield-off"),
    Action.ACCOUNT_ROLE_CHANGED: (_("changed the role of {what}"), "user"),
    Action.ACCOUNT_TEAM_CHANGED: (_("changed the teams of {what}"), "users"),
    Action.ACCOUNT_LANGUAGE_CHANGED: (_("changed the language of {what}"), "settings"),
    Action.TEAM_CREATED: (_("made {what}"), "users"),
    Action.TEAM_CHANGED: (_("changed {what}"), "users"),
    Action.TOKEN_CREATED: (_("made {what}"), "plug"),
    Action.TOKEN_REVOKED: (_("revoked {what}"), "plug"),
    Action.ACCESS_REFUSED: (_("asked for {what}"), "ban"),
    Action.PAGE_READ: (_("read {what}"), "eye"),
    Action.APPROVAL_REQUESTED: (_("asked for a second person: {what}"), "user-plus"),
    Action.APPROVAL_APPROVED: (_("approved what somebody else asked for: {what}"), "badge-check"),
    Action.APPROVAL_REFUSED: (_("turned down what somebody else asked for: {what}"), "ban"),
    Action.APPROVAL_WITHDRAWN: (_("withdrew a request for a second person: {what}"), "undo-2"),
    Action.APPROVAL_EXPIRED: (_("ended a request that nobody decided on in time: {what}"), "hourglass"),
    Action.APPROVAL_VOID: (_("ended a request that is no longer possible: {what}"), "x"),
    Action.APPROVAL_CARRIED_OUT: (_("carried out what was approved: {what}"), "check"),
    Action.APPROVAL_READ: (_("read a request for a second person: {what}"), "eye"),
    Action.RECORDING_ANNOUNCED: (_("announced a call"), "phone-incoming"),
    Action.RECORDING_INGESTED: (_("brought in {what}"), "phone-incoming"),
    Action.RECORDING_INGEST_REFUSED: (_("tried to bring in {what}"), "phone-incoming"),
    Action.RECORDING_QUARANTINED: (_("put {what} in quarantine"), "lock"),
    Action.RECORDING_RELEASED_FROM_QUARANTINE: (_("released {what} from quarantine"), "lock-open"),
    Action.RECORDING_LISTED: (_("looked through the recordings"), "eye"),
    Action.RECORDING_SEARCHED: (_("searched by a number or reference"), "search"),
    Action.RECORDING_VIEWED: (_("opened {what}"), "eye"),
    Action.RECORDING_NUMBER_REVEALED: (_("saw the full number of {what}"), "eye"),
    Action.BASIS_RECORDED: (_("recorded a lawful basis for {what}"), "file-text"),
    Action.PURPOSE_CHANGED: (_("changed {what}"), "tag"),
    Action.PLAYBACK_GRANTED: (_("was permitted to hear {what}"), "key-round"),
    Action.PLAYBACK_WINDOW: (_("was sent a passage of {what}"), "ear"),
    Action.PLAYBACK_CLOSED: (_("heard {what}"), "ear"),
    Action.PLAYBACK_REFUSED: (_("tried to hear {what}"), "ban"),
    Action.PLAYBACK_ENDED: (_("was stopped while hearing {what}"), "undo-2"),
    Action.RESTRICTION_SET: (_("restricted {what}"), "hand"),
    Action.RESTRICTION_LIFTED: (_("lifted the restriction of {what}"), "hand"),
    Action.FREEZE_PLACED: (_("froze {what}"), "snowflake"),
    Action.FREEZE_LIFTED: (_("lifted the freeze of {what}"), "snowflake"),
    Action.HOLD_PLACED: (_("placed a hold: {what}"), "scale"),
    Action.HOLD_RELEASED: (_("released a hold: {what}"), "scale"),
    Action.POLICY_CREATED: (_("wrote {what}"), "calendar-clock"),
    Action.POLICY_CHANGED: (_("changed {what}"), "calendar-clock"),
    Action.POLICY_APPROVED: (_("approved {what}"), "calendar-clock"),
    Action.POLICY_RETIRED: (_("retired {what}"), "calendar-clock"),
    Action.RECORDING_EXPIRY_SET: (_("set how long {what} is kept"), "hourglass"),
    Action.RECORDING_ERASED: (_("erased {what}"), "archive-x"),
    Action.ERASURE_REQUESTED: (_("ordered the erasure of {what}"), "archive-x"),
    Action.ERASURE_OBJECTS_DELETED: (_("deleted every copy: {what}"), "archive-x"),
    Action.ERASURE_VERIFIED: (_("found no copy any more: {what}"), "archive-x"),
    Action.ERASURE_CERTIFIED: (_("certified the erasure: {what}"), "file-check-2"),
    Action.ERASURE_STUCK: (_("could not finish the erasure: {what}"), "triangle-alert"),
    Action.ERASURE_RETRIED: (_("tried the erasure again: {what}"), "refresh-cw"),
    Action.ERASURE_PROOF_READ: (_("took the proof of the erasure: {what}"), "file-check-2"),
    Action.CLOCK_DOUBTED: (_("doubted the clock and erased nothing"), "clock"),
    Action.CLOCK_BELIEVED: (_("believed the clock again"), "clock"),
    Action.CLOCK_CONFIRMED: (_("confirmed the clock"), "clock"),
    Action.TRAIL_SEARCHED: (_("looked through the trail"), "history"),
    Action.TRAIL_EVENT_READ: (_("opened an event of the trail"), "history"),
    Action.TRAIL_CHECKPOINT_READ: (_("took the newest checkpoint of the trail"), "history"),
    Action.TRAIL_EXPORTED: (_("asked for an export of the trail"), "file-down"),
    Action.TRAIL_EXPORT_FINISHED: (_("finished an export of the trail"), "file-down"),
    Action.TRAIL_EXPORT_DOWNLOADED: (_("fetched an export of the trail"), "download"),
    Action.TRAIL_EXPORT_EXPIRED: (_("removed an export of the trail"), "trash-2"),
    Action.TRAIL_VERIFIED: (_("checked the trail"), "shield-check"),
    Action.TRAIL_FORGOTTEN: (_("made the trail forget {what}"), "archive-x"),
    Action.TRAIL_MONTH_REMOVED: (_("removed a month of the trail whose time was over"), "archive-x"),
    Action.TRAIL_CHECK_REQUESTED: (_("asked for a check of the trail"), "shield-check"),
    Action.TRAIL_ANCHOR_FAILED: (_("could not anchor the trail outside"), "triangle-alert"),
    Action.TRAIL_ANCHOR_WORKS_AGAIN: (_("anchored the trail outside again"), "anchor"),
    Action.TRAIL_FELL_BEHIND: (_("noticed that events wait for their checkpoint"), "triangle-alert"),
    Action.TRAIL_CAUGHT_UP: (_("noticed that all events have their checkpoint again"), "shield-check"),
    Action.TRAIL_REIMPORTED: (_("brought events back from the locked copy"), "undo-2"),
    Action.TRAIL_ORIGIN_OPENED: (_("went on with the trail under a new name"), "anchor"),
    Action.STATEMENT_MADE: (_("stated to somebody on a call who listened to them"), "file-text"),
    Action.BREACH_REPORT_MADE: (_("reported what was sent to {what}"), "file-text"),
    Action.KEY_CREATED: (_("made {what}"), "key-round"),
    Action.KEY_MOVED: (_("moved {what}"), "key-round"),
    Action.KEY_ROTATION_BEGUN: (_("asked for a new version of {what}"), "key-round"),
    Action.KEY_ROTATED: (_("made a new version of {what}"), "key-round"),
    Action.KEY_REWRAPPED: (_("wrapped all keys again under the new version of {what}"), "key-round"),
    Action.KEY_HARDENED: (_("destroyed the older versions of {what}"), "key-round"),
    Action.KEY_WORK_STUCK: (_("could not wrap all keys again under {what}"), "key-round"),
    Action.KEY_WORK_RETRIED: (_("took up again the new version of {what}"), "key-round"),
    Action.KEY_VERIFIED: (_("tried all keys under {what}"), "key-round"),
    Action.DATA_KEY_EXPORTED: (_("took a data key of {what} out"), "key-round"),
    Action.KEY_DESTRUCTION_BEGUN: (_("decided to destroy {what}"), "key-round"),
    Action.KEY_DESTROYED: (_("destroyed {what}"), "key-round"),
    Action.RESIDENCY_VIOLATED: (_("found something outside the allowed places"), "triangle-alert"),
    Action.RESIDENCY_RESTORED: (_("found it within the allowed places again"), "shield-check"),
    Action.SETTINGS_CHANGED: (_("changed {what}"), "settings"),
    Action.JOB_FAILED: (_("failed at {what}"), "triangle-alert"),
    Action.IMPORT_RUN: (_("imported a folder of calls"), "phone-incoming"),
}

TARGETS: dict[str, Promise] = {
    "recording": _("a recording"),
    "account": _("an account"),
    "team": _("a team"),
    "token": _("a service token"),
    "policy": _("a retention policy"),
    "hold": _("a hold"),
    "erasure": _("an erasure"),
    "export": _("an export"),
    "grant": _("a permission to listen"),
    "trail": _("the trail"),
    "intake": _("an announced call"),
    "purpose": _("a purpose"),
    "basis": _("a lawful basis"),
    "approval": _("a request for a second person"),
    "job": _("a job"),
    "session": _("a session"),
    "settings": _("the settings"),
    "key": _("a key"),
    "page": _("a page"),
    "day": _("the unknown visitors of a day"),
    "check": _("a check of the trail"),
}

GROUP_NAMES: dict[str, Promise] = {
    "heard": _("Heard or seen"),
    "refused": _("Refused"),
    "changed": _("Changed"),
    "brought": _("Brought in"),
    "erased": _("Erased"),
    "signed-in": _("Signed in"),
    "keys": _("Keys"),
    "trail": _("The trail itself"),
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
    "endpoint": pgettext_lazy("fact of an event", "host"),
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
    "page": pgettext_lazy("fact of an event", "page"),
    "party": pgettext_lazy("fact of an event", "party"),
    "quarantined": pgettext_lazy("fact of an event", "quarantined"),
    "recordings": pgettext_lazy("fact of an event", "recordings"),
    "refused": pgettext_lazy("fact of an event", "refused"),
    "region": pgettext_lazy("fact of an event", "region"),
    "repeated": pgettext_lazy("fact of an event", "repeated"),
    "role": pgettext_lazy("fact of an event", "role"),
    "scope": pgettext_lazy("fact of an event", "scope"),
    "source": pgettext_lazy("fact of an event", "source"),
    "state": pgettext_lazy("fact of an event", "state"),
    "tries": pgettext_lazy("fact of an event", "tries"),
    "until": pgettext_lazy("fact of an event", "until"),
    "version": pgettext_lazy("fact of an event", "version"),
    "what": pgettext_lazy("fact of an event", "what"),
    "why": pgettext_lazy("fact of an event", "why"),
}

# What one looks for, as a report names it.
FILTER_NAMES: dict[str, Promise] = {
    "actor_id": _("Person"),
    "person_id": _("Person"),
    "target_id": _("About"),
    "recording_id": _("Recording"),
    "number": _("Number or reference, hashed"),
    "address": _("Address, hashed"),
    "group": _("Kind"),
    "action": _("What happened"),
    "outcome": _("Outcome"),
    "purpose": _("Purpose"),
}

# What the event's own page calls the rest of the facts.
OTHER_FACT_NAMES: dict[str, Promise] = {
    "account": pgettext_lazy("fact of an event", "account"),
    "ahead": pgettext_lazy("fact of an event", "made ahead"),
    "approval": pgettext_lazy("fact of an event", "approval"),
    "asked": pgettext_lazy("fact of an event", "asked for"),
    "asked_by": pgettext_lazy("fact of an event", "asked by"),
    "beyond_recovery_on": pgettext_lazy("fact of an event", "beyond recovery on"),
    "by_author": pgettext_lazy("fact of an event", "by its author"),
    "bytes": pgettext_lazy("fact of an event", "bytes"),
    "channels": pgettext_lazy("fact of an event", "channels"),
    "check": pgettext_lazy("fact of an event", "check"),
    "checkpoint": pgettext_lazy("fact of an event", "number of the newest checkpoint"),
    "code": pgettext_lazy("fact of an event", "code of the refusal"),
    "conflict": pgettext_lazy("fact of an event", "conflict"),
    "consultations": pgettext_lazy("fact of an event", "consultations"),
    "copy": pgettext_lazy("fact of an event", "copy"),
    "due_at": pgettext_lazy("fact of an event", "due at"),
    "duration_ms": pgettext_lazy("fact of an event", "length"),
    "entry": pgettext_lazy("fact of an event", "entry"),
    "erasure": pgettext_lazy("fact of an event", "erasure"),
    "event": pgettext_lazy("fact of an event", "event"),
    "events": pgettext_lazy("fact of an event", "events"),
    "evidence_ms": pgettext_lazy("fact of an event", "moment of the evidence"),
    "expires_at": pgettext_lazy("fact of an event", "until"),
    "fence": pgettext_lazy("fact of an event", "fence"),
    "first": pgettext_lazy("fact of an event", "first event"),
    "first_finding": pgettext_lazy("fact of an event", "first finding"),
    "from_ms": pgettext_lazy("fact of an event", "from"),
    "from_what": pgettext_lazy("fact of an event", "counted from"),
    "grant": pgettext_lazy("fact of an event", "permission to listen"),
    "heard": pgettext_lazy("fact of an event", "passages heard"),
    "heard_ms": pgettext_lazy("fact of an event", "time heard"),
    "hold": pgettext_lazy("fact of an event", "hold"),
    "how": pgettext_lazy("fact of an event", "by"),
    "intake": pgettext_lazy("fact of an event", "announcement"),
    "job": pgettext_lazy("fact of an event", "job"),
    "keys": pgettext_lazy("fact of an event", "keys"),
    "known": pgettext_lazy("fact of an event", "account known"),
    "language": pgettext_lazy("fact of an event", "language"),
    "last": pgettext_lazy("fact of an event", "last event"),
    "media_type": pgettext_lazy("fact of an event", "kind of audio"),
    "month": pgettext_lazy("fact of an event", "month"),
    "name": pgettext_lazy("fact of an event", "setting"),
    "names": pgettext_lazy("fact of an event", "with names"),
    "notice_version": pgettext_lazy("fact of an event", "version of the notice"),
    "numbers": pgettext_lazy("fact of an event", "event numbers"),
    "off_by_s": pgettext_lazy("fact of an event", "seconds off"),
    "page": pgettext_lazy("fact of an event", "page"),
    "permission": pgettext_lazy("fact of an event", "permission needed"),
    "personal_data": pgettext_lazy("fact of an event", "with personal data"),
    "policy": pgettext_lazy("fact of an event", "policy"),
    "policy_version": pgettext_lazy("fact of an event", "version of the policy"),
    "possibly_sent": pgettext_lazy("fact of an event", "passages possibly sent"),
    "process": pgettext_lazy("fact of an event", "process"),
    "purpose": pgettext_lazy("fact of an event", "purpose"),
    "query": pgettext_lazy("fact of an event", "what was searched for, as a keyed hash"),
    "reason": pgettext_lazy("fact of an event", "reason"),
    "root": pgettext_lazy("fact of an event", "root of the tree"),
    "route": pgettext_lazy("fact of an event", "address of the vault"),
    "scopes": pgettext_lazy("fact of an event", "scopes"),
    "sessions_ended": pgettext_lazy("fact of an event", "sessions ended"),
    "sha256": pgettext_lazy("fact of an event", "SHA-256"),
    "since": pgettext_lazy("fact of an event", "since"),
    "size": pgettext_lazy("fact of an event", "size in bytes"),
    "started_at": pgettext_lazy("fact of an event", "began at"),
    "statement": pgettext_lazy("fact of an event", "SHA-256 of the statement"),
    "status": pgettext_lazy("fact of an event", "HTTP status"),
    "team": pgettext_lazy("fact of an event", "team"),
    "to_ms": pgettext_lazy("fact of an event", "to"),
    "tree_size": pgettext_lazy("fact of an event", "events in the tree"),
    "unreadable": pgettext_lazy("fact of an event", "unreadable"),
    "unreadable_since": pgettext_lazy("fact of an event", "unreadable since"),
    "versions": pgettext_lazy("fact of an event", "versions"),
    "waiting_s": pgettext_lazy("fact of an event", "seconds waiting"),
    "whole": pgettext_lazy("fact of an event", "whole"),
    "work": pgettext_lazy("fact of an event", "work on keys"),
    "writers": pgettext_lazy("fact of an event", "writing processes"),
}

# What the fields of an entry are called, in the order in which its page shows them.
FIELD_NAMES: dict[str, Promise] = {
    "at": pgettext_lazy("field of an event", "When (UTC)"),
    "action": pgettext_lazy("field of an event", "What happened"),
    "outcome": pgettext_lazy("field of an event", "Outcome"),
    "actor": pgettext_lazy("field of an event", "Who"),
    "on_behalf_of": pgettext_lazy("field of an event", "On behalf of"),
    "target": pgettext_lazy("field of an event", "To what"),
    "purpose": pgettext_lazy("field of an event", "For which purpose"),
    "rule": pgettext_lazy("field of an event", "Under which rule"),
    "access_point": pgettext_lazy("field of an event", "Access point"),
    "request": pgettext_lazy("field of an event", "Request"),
    "session": pgettext_lazy("field of an event", "Session, as a keyed hash"),
    "id": pgettext_lazy("field of an event", "Event"),
    "writer": pgettext_lazy("field of an event", "Written by process"),
    "counter": pgettext_lazy("field of an event", "Its number in that process"),
    "v": pgettext_lazy("field of an event", "Version of the format"),
}

# What is said about people, sealed.
ADDENDUM_NAMES: dict[str, Promise] = {
    "name": pgettext_lazy("about a person", "Name"),
    "address": pgettext_lazy("about a person", "Network address"),
    "email": pgettext_lazy("about a person", "E-mail address"),
    "reason": pgettext_lazy("about a person", "Reason"),
    "words": pgettext_lazy("about a person", "Words"),
    "ground": pgettext_lazy("about a person", "Ground"),
}

OUTCOME_NAMES: dict[str, Promise] = {
    "done": _("Done"),
    "refused": _("Refused"),
    "failed": _("Failed"),
}

ACTOR_KINDS: dict[str, Promise] = {
    "person": pgettext_lazy("kind of actor", "A person"),
    "service": pgettext_lazy("kind of actor", "A service"),
    "system": pgettext_lazy("kind of actor", "The vault"),
    "unknown": pgettext_lazy("kind of actor", "Somebody unknown"),
}

_MOST_STRETCHES = 6

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


def name_of_action(action: Action) -> str:
    """Return what an action is called where one chooses it: its sentence without what it was done to, and its code."""
    return f"{str(SENTENCES[action][0]).format(what='…')} ({action.value})"


@dataclass(frozen=True, slots=True)
class Said:
    """An event's sentence with a place for its target, its icon and the tone of the icon."""

    pattern: str
    icon: str
    tone: str


def say(action: str, outcome: str, *, by_vault: bool = False) -> Said:
    """Return how an action reads; one that this version does not know is named as it is.

    :param by_vault: what a person did not end, the vault did; it has heard nothing itself.
    """
    if by_vault and action == Action.PLAYBACK_CLOSED:
        pattern, icon = gettext("noted what was heard of {what}"), "ear"
    elif action in {known.value for known in SENTENCES}:
        sentence, icon = SENTENCES[Action(action)]
        pattern = str(sentence)
    else:
        pattern, icon = action, "info"
    if outcome == "refused":
        return Said(gettext("was refused: %(sentence)s") % {"sentence": pattern}, "ban", "is-refused")
    if outcome == "failed":
        return Said(gettext("failed: %(sentence)s") % {"sentence": pattern}, "triangle-alert", "is-due")
    return Said(pattern, icon, _TONES.get(icon, ""))


def parts_heard(facts: dict[str, Any]) -> str:
    """Return which parts of a call were sent, as times of the call; empty if that is not what it is about."""
    stretches = re.findall(r"(\d+)-(\d+)", str(facts.get("heard", "")))
    if "from_ms" in facts:
        stretches = [(facts["from_ms"], facts["to_ms"])]
    told = [
        f"{time_of_call(int(start))}–{time_of_call(int(end))}" for start, end in stretches[:_MOST_STRETCHES]
    ]
    return ", ".join([*told, "…"] if len(stretches) > _MOST_STRETCHES else told)


def time_of_call(milliseconds: int) -> str:
    """Return "0:30": so long after the call began."""
    minutes, seconds = divmod(milliseconds // 1000, 60)
    return f"{minutes}:{seconds:02}"
