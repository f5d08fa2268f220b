"""Everything that can happen, by name, with the facts each action may carry: a closed list.

A fact is a short string, a whole number, a yes or no. Personal data is never a fact: it goes into an
addendum (``trail.Personal``).
"""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """How it ended."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


class Action(StrEnum):
    """What happened."""

    # Signing in
    SESSION_SIGNED_IN = "session.signed_in"
    SESSION_SIGN_IN_FAILED = "session.sign_in_failed"
    SESSION_SIGNED_OUT = "session.signed_out"
    SESSION_SECOND_FACTOR_FAILED = "session.second_factor_failed"
    ACCOUNT_FACTOR_ADDED = "account.factor_added"
    ACCOUNT_FACTOR_REMOVED = "account.factor_removed"
    ACCOUNT_RECOVERY_CODES_MADE = "account.recovery_codes_made"
    ACCOUNT_PASSWORD_CHANGED = "account.password_changed"  # noqa: S105 - the name of an action
    ACCOUNT_PASSWORD_RESET_REQUESTED = "account.password_reset_requested"  # noqa: S105 - the name of an action

    # People, teams, tokens
    ACCOUNT_INVITED = "account.invited"
    ACCOUNT_ENABLED = "account.enabled"
    ACCOUNT_DISABLED = "account.disabled"
    ACCOUNT_ROLE_CHANGED = "account.role_changed"
    ACCOUNT_TEAM_CHANGED = "account.team_changed"
    ACCOUNT_LANGUAGE_CHANGED = "account.language_changed"
    TEAM_CREATED = "team.created"
    TEAM_CHANGED = "team.changed"
    TOKEN_CREATED = "token.created"  # noqa: S105 - the name of an action
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 - the name of an action
    ACCESS_REFUSED = "access.refused"
    PAGE_READ = "page.read"

    # A second person
    APPROVAL_REQUESTED = "approval.requested"
    APPROVAL_APPROVED = "approval.approved"
    APPROVAL_REFUSED = "approval.refused"
    APPROVAL_WITHDRAWN = "approval.withdrawn"
    APPROVAL_EXPIRED = "approval.expired"
    APPROVAL_VOID = "approval.void"
    APPROVAL_CARRIED_OUT = "approval.carried_out"
    APPROVAL_READ = "approval.read"

    # Recordings
    RECORDING_ANNOUNCED = "recording.announced"
    RECORDING_INGESTED = "recording.ingested"
    RECORDING_INGEST_REFUSED = "recording.ingest_refused"
    RECORDING_QUARANTINED = "recording.quarantined"
    RECORDING_RELEASED_FROM_QUARANTINE = "recording.released_from_quarantine"
    RECORDING_LISTED = "recording.listed"
    RECORDING_SEARCHED = "recording.searched"
    RECORDING_VIEWED = "recording.viewed"
    RECORDING_NUMBER_REVEALED = "recording.number_revealed"
    BASIS_RECORDED = "basis.recorded"
    PURPOSE_CHANGED = "purpose.changed"

    # Listening
    PLAYBACK_GRANTED = "playback.granted"
    PLAYBACK_WINDOW = "playback.window"
    PLAYBACK_CLOSED = "playback.closed"
    PLAYBACK_REFUSED = "playback.refused"
    PLAYBACK_ENDED = "playback.ended"

    # Keeping and letting go
    RESTRICTION_SET = "restriction.set"
    RESTRICTION_LIFTED = "restriction.lifted"
    FREEZE_PLACED = "freeze.placed"
    FREEZE_LIFTED = "freeze.lifted"
    HOLD_PLACED = "hold.placed"
    HOLD_RELEASED = "hold.released"
    POLICY_CREATED = "policy.created"
    POLICY_CHANGED = "policy.changed"
    POLICY_APPROVED = "policy.approved"
    POLICY_RETIRED = "policy.retired"
    RECORDING_EXPIRY_SET = "recording.expiry_set"
    RECORDING_ERASED = "recording.erased"
    ERASURE_REQUESTED = "erasure.requested"
    ERASURE_OBJECTS_DELETED = "erasure.objects_deleted"
    ERASURE_VERIFIED = "erasure.verified"
    ERASURE_CERTIFIED = "erasure.certified"
    ERASURE_PROOF_READ = "erasure.proof_read"
    ERASURE_STUCK = "erasure.stuck"
    ERASURE_RETRIED = "erasure.retried"
    CLOCK_DOUBTED = "clock.doubted"
    CLOCK_BELIEVED = "clock.believed"
    CLOCK_CONFIRMED = "clock.confirmed"

    # The trail itself
    TRAIL_SEARCHED = "trail.searched"
    TRAIL_EVENT_READ = "trail.event_read"
    TRAIL_CHECKPOINT_READ = "trail.checkpoint_read"
    TRAIL_EXPORTED = "trail.exported"
    TRAIL_EXPORT_FINISHED = "trail.export_finished"
    TRAIL_EXPORT_DOWNLOADED = "trail.export_downloaded"
    TRAIL_EXPORT_EXPIRED = "trail.export_expired"
    TRAIL_VERIFIED = "trail.verified"
    TRAIL_FORGOTTEN = "trail.forgotten"
    TRAIL_MONTH_REMOVED = "trail.month_removed"
    TRAIL_CHECK_REQUESTED = "trail.check_requested"
    TRAIL_ANCHOR_FAILED = "trail.anchor_failed"
    TRAIL_ANCHOR_WORKS_AGAIN = "trail.anchor_works_again"
    TRAIL_FELL_BEHIND = "trail.fell_behind"
    TRAIL_CAUGHT_UP = "trail.caught_up"
    TRAIL_REIMPORTED = "trail.reimported"
    TRAIL_ORIGIN_OPENED = "trail.origin_opened"

    # Answering people about it
    STATEMENT_MADE = "statement.made"
    BREACH_REPORT_MADE = "breach_report.made"

    # Running it
    KEY_CREATED = "key.created"
    KEY_MOVED = "key.moved"
    KEY_ROTATION_BEGUN = "key.rotation_begun"
    KEY_ROTATED = "key.rotated"
    KEY_REWRAPPED = "key.rewrapped"
    KEY_HARDENED = "key.hardened"
    KEY_WORK_STUCK = "key.work_stuck"
    KEY_WORK_RETRIED = "key.work_retried"
    KEY_VERIFIED = "key.verified"
    KEY_DESTRUCTION_BEGUN = "key.destruction_begun"
    DATA_KEY_EXPORTED = "data_key.exported"
    KEY_DESTROYED = "key.destroyed"
    RESIDENCY_VIOLATED = "residency.violated"
    RESIDENCY_RESTORED = "residency.restored"
    SETTINGS_CHANGED = "settings.changed"
    JOB_FAILED = "job.failed"
    IMPORT_RUN = "import.run"


def _facts(names: str) -> frozenset[str]:
    return frozenset(names.split())


# What any event may carry that was refused or failed.
FACTS_OF_REFUSAL = _facts("code status asked error")

FACTS: dict[Action, frozenset[str]] = {
    # Signing in
    Action.SESSION_SIGNED_IN: _facts("method"),
    Action.SESSION_SIGN_IN_FAILED: _facts("method"),
    Action.SESSION_SIGNED_OUT: _facts("why"),
    Action.SESSION_SECOND_FACTOR_FAILED: _facts("method"),
    Action.ACCOUNT_FACTOR_ADDED: _facts("method"),
    Action.ACCOUNT_FACTOR_REMOVED: _facts("method"),
    Action.ACCOUNT_RECOVERY_CODES_MADE: _facts("count"),
    Action.ACCOUNT_PASSWORD_CHANGED: _facts("how"),
    Action.ACCOUNT_PASSWORD_RESET_REQUESTED: _facts("known"),
    # People, teams, tokens
    Action.ACCOUNT_INVITED: _facts("role team expires_at approval"),
    Action.ACCOUNT_ENABLED: _facts("role approval"),
    Action.ACCOUNT_DISABLED: _facts("role why sessions_ended"),
    Action.ACCOUNT_ROLE_CHANGED: _facts("old new sessions_ended approval"),
    Action.ACCOUNT_TEAM_CHANGED: _facts("team change"),
    Action.ACCOUNT_LANGUAGE_CHANGED: _facts("old new"),
    Action.TEAM_CREATED: _facts(""),
    Action.TEAM_CHANGED: _facts("change"),
    Action.TOKEN_CREATED: _facts("scopes source expires_at role"),
    Action.TOKEN_REVOKED: _facts("why"),
    Action.ACCESS_REFUSED: _facts("method route permission"),
    Action.PAGE_READ: _facts("page"),
    # A second person
    Action.APPROVAL_REQUESTED: _facts("kind approval expires_at"),
    Action.APPROVAL_APPROVED: _facts("kind approval asked_by"),
    Action.APPROVAL_REFUSED: _facts("kind approval asked_by"),
    Action.APPROVAL_WITHDRAWN: _facts("kind approval"),
    Action.APPROVAL_EXPIRED: _facts("kind approval"),
    Action.APPROVAL_VOID: _facts("kind approval why"),
    Action.APPROVAL_CARRIED_OUT: _facts("kind approval"),
    Action.APPROVAL_READ: _facts("kind approval"),
    # Recordings
    Action.RECORDING_ANNOUNCED: _facts("intake source"),
    Action.RECORDING_INGESTED: _facts(
        "source bytes duration_ms media_type channels expires_at policy policy_version month state"
        " sha256 started_at team repeated"
    ),
    Action.RECORDING_INGEST_REFUSED: _facts("source bytes"),
    Action.RECORDING_QUARANTINED: _facts("why until"),
    Action.RECORDING_RELEASED_FROM_QUARANTINE: _facts("why"),
    Action.RECORDING_LISTED: _facts("count filters page"),
    Action.RECORDING_SEARCHED: _facts("count field query filters"),
    Action.RECORDING_VIEWED: _facts("state copy"),
    Action.RECORDING_NUMBER_REVEALED: _facts("party field reason"),
    Action.BASIS_RECORDED: _facts("party purpose basis state notice_version evidence_ms effect method entry"),
    Action.PURPOSE_CHANGED: _facts("old new purpose change"),
    # Listening
    Action.PLAYBACK_GRANTED: _facts("grant expires_at"),
    Action.PLAYBACK_WINDOW: _facts("grant from_ms to_ms"),
    Action.PLAYBACK_CLOSED: _facts("grant why heard heard_ms bytes possibly_sent"),
    Action.PLAYBACK_REFUSED: _facts("grant"),
    Action.PLAYBACK_ENDED: _facts("grant why"),
    # Keeping and letting go
    Action.RESTRICTION_SET: _facts("hold ground"),
    Action.RESTRICTION_LIFTED: _facts("hold ground"),
    Action.FREEZE_PLACED: _facts("hold ground until"),
    Action.FREEZE_LIFTED: _facts("hold ground"),
    Action.HOLD_PLACED: _facts("recordings ground kind hold until"),
    Action.HOLD_RELEASED: _facts("recordings ground kind hold approval"),
    Action.POLICY_CREATED: _facts("version field old new lawful_basis at_least at_most from_what scope"),
    Action.POLICY_CHANGED: _facts("version old new field lawful_basis at_least at_most"),
    Action.POLICY_APPROVED: _facts("version by_author"),
    Action.POLICY_RETIRED: _facts("version"),
    Action.RECORDING_EXPIRY_SET: _facts("old new policy policy_version why month conflict"),
    Action.RECORDING_ERASED: _facts(
        "erasure ground policy policy_version keys copies due_at fence sha256 statement"
    ),
    Action.ERASURE_REQUESTED: _facts("erasure ground due_at"),
    Action.ERASURE_OBJECTS_DELETED: _facts("erasure objects versions bytes"),
    Action.ERASURE_VERIFIED: _facts("erasure objects"),
    Action.ERASURE_CERTIFIED: _facts(
        "erasure ground unreadable_since beyond_recovery_on statement policy policy_version keys copies sha256"
    ),
    Action.ERASURE_PROOF_READ: _facts("erasure"),
    Action.ERASURE_STUCK: _facts("erasure tries"),
    Action.ERASURE_RETRIED: _facts("erasure"),
    Action.CLOCK_DOUBTED: _facts("why off_by_s"),
    Action.CLOCK_BELIEVED: _facts("why off_by_s"),
    Action.CLOCK_CONFIRMED: _facts("why off_by_s"),
    # The trail itself
    Action.TRAIL_SEARCHED: _facts("filters count page query"),
    Action.TRAIL_EVENT_READ: _facts("event"),
    Action.TRAIL_CHECKPOINT_READ: _facts("tree_size"),
    Action.TRAIL_EXPORTED: _facts("format scope filters personal_data"),
    Action.TRAIL_EXPORT_FINISHED: _facts("events size sha256 tree_size"),
    Action.TRAIL_EXPORT_DOWNLOADED: _facts("events size sha256"),
    Action.TRAIL_EXPORT_EXPIRED: _facts("why"),
    Action.TRAIL_VERIFIED: _facts("tree_size checkpoint whole findings first_finding check"),
    Action.TRAIL_FORGOTTEN: _facts("keys ground approval"),
    Action.TRAIL_MONTH_REMOVED: _facts("month first last events writers numbers policy tree_size root"),
    Action.TRAIL_CHECK_REQUESTED: _facts("check"),
    Action.TRAIL_ANCHOR_FAILED: _facts("kind why tree_size"),
    Action.TRAIL_ANCHOR_WORKS_AGAIN: _facts("kind tree_size"),
    Action.TRAIL_FELL_BEHIND: _facts("why waiting_s"),
    Action.TRAIL_CAUGHT_UP: _facts("waiting_s"),
    Action.TRAIL_REIMPORTED: _facts("first last events tree_size root why"),
    Action.TRAIL_ORIGIN_OPENED: _facts("old tree_size root why"),
    # Answering people about it
    Action.STATEMENT_MADE: _facts("field query recordings consultations names format language since until"),
    Action.BREACH_REPORT_MADE: _facts("account recordings consultations format language since until"),
    # Running it
    Action.KEY_CREATED: _facts("ahead"),
    Action.KEY_MOVED: _facts("keys old new"),
    Action.KEY_ROTATION_BEGUN: _facts("work kind version keys"),
    Action.KEY_ROTATED: _facts("work kind version keys"),
    Action.KEY_REWRAPPED: _facts("work kind version keys"),
    Action.KEY_HARDENED: _facts("work kind version keys why"),
    Action.KEY_WORK_STUCK: _facts("work kind refused"),
    Action.KEY_WORK_RETRIED: _facts("work kind version keys"),
    Action.KEY_VERIFIED: _facts("keys unreadable"),
    Action.KEY_DESTRUCTION_BEGUN: _facts("why approval"),
    Action.DATA_KEY_EXPORTED: _facts("approval kind sha256"),
    Action.KEY_DESTROYED: _facts("why"),
    Action.RESIDENCY_VIOLATED: _facts("what region endpoint why"),
    Action.RESIDENCY_RESTORED: _facts("what region endpoint why"),
    Action.SETTINGS_CHANGED: _facts("name old new process"),
    Action.JOB_FAILED: _facts("job"),
    Action.IMPORT_RUN: _facts("accepted repeated refused quarantined"),
}

# How people ask for events: what somebody heard or saw, changed, let go, and so on. "refused" is an outcome.
GROUPS: dict[str, frozenset[Action]] = {
    "heard": frozenset(
        action
        for action in Action
        if action.value.startswith("playback.")
        or action
        in (
            Action.RECORDING_LISTED,
            Action.RECORDING_SEARCHED,
            Action.RECORDING_VIEWED,
            Action.RECORDING_NUMBER_REVEALED,
            Action.ERASURE_PROOF_READ,
            Action.APPROVAL_READ,
            Action.PAGE_READ,
            Action.DATA_KEY_EXPORTED,
            Action.STATEMENT_MADE,
            Action.BREACH_REPORT_MADE,
        )
    ),
    "changed": frozenset(
        action
        for action in Action
        if (
            action.value.split(".")[0]
            in (
                "basis",
                "purpose",
                "restriction",
                "freeze",
                "hold",
                "policy",
                "settings",
                "token",
                "team",
                "account",
                "approval",
                "residency",
            )
            and action != Action.APPROVAL_READ
        )
        or action == Action.RECORDING_EXPIRY_SET
    ),
    "brought": frozenset(
        action
        for action in Action
        if action.value.startswith(("recording.ingest", "recording.quarantin", "import."))
        or action in (Action.RECORDING_ANNOUNCED, Action.RECORDING_RELEASED_FROM_QUARANTINE)
    ),
    "erased": frozenset(
        action
        for action in Action
        if action.value.startswith("erasure.") or action == Action.RECORDING_ERASED
    ),
    "signed-in": frozenset(action for action in Action if action.value.startswith("session.")),
    "keys": frozenset(action for action in Action if action.value.startswith(("key.", "data_key."))),
    "trail": frozenset(action for action in Action if action.value.startswith("trail.")),
}
