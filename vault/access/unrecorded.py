"""What leaves no event in the trail, and why: the whole list.

Everything else that the vault does, at every door, is recorded; a test walks all of them and fails for one that
neither records nor stands here. ``docs/guides/what-is-recorded.md`` shows this list. A refusal (403, 404) is
recorded at every door, also at these.
"""

from __future__ import annotations

# Why -> addresses, by the name of their route and the method.
ROUTES: dict[str, tuple[str, ...]] = {
    "An empty form, a step on the way to one, or an answer that shows nothing of anybody; sending the form is recorded.": (
        "access:person-new GET",
        "privacy:who-listened GET",
        "account_change_password GET",
        "account_inactive GET",
        "account_inactive POST",
        "account_invitation GET",
        "account_login GET",
        "account_logout GET",
        "account_open_invitation GET",
        "account_reauthenticate GET",
        "account_reset_password GET",
        "account_reset_password_done GET",
        "account_reset_password_done POST",
        "account_reset_password_from_key GET",
        "account_reset_password_from_key_done GET",
        "account_reset_password_from_key_done POST",
        "mfa_activate_totp GET",
        "mfa_add_webauthn GET",
        "mfa_authenticate GET",
        "mfa_deactivate_totp GET",
        "mfa_edit_webauthn GET",
        "mfa_generate_recovery_codes GET",
        "mfa_login_webauthn GET",
        "mfa_reauthenticate GET",
        "mfa_reauthenticate_webauthn GET",
        "mfa_remove_webauthn GET",
        "retention:hold-new GET",
        "retention:policy-new GET",
    ),
    "Shows one's own account to its owner.": (
        "access:account GET",
        "mfa_index GET",
        "mfa_index POST",
        "mfa_list_webauthn GET",
        "mfa_list_webauthn POST",
    ),
    "Shows again who one is, within a session; changes nothing. A wrong password or factor is recorded.": (
        "account_reauthenticate POST",
        "mfa_reauthenticate POST",
        "mfa_reauthenticate_webauthn POST",
    ),
    "Gives one's own passkey another name; which passkeys there are is recorded.": (
        "mfa_edit_webauthn POST",
    ),
    "Takes no such method, or does with it what GET does.": (
        "mfa_download_recovery_codes POST",
        "mfa_view_recovery_codes POST",
        "home POST",
        "health-live POST",
        "health-ready POST",
        "web:keys POST",
        "web:preferences GET",
        "web:when-may-i-listen POST",
    ),
    "Help, and the way to one's first page.": (
        "home GET",
        "web:keys GET",
        "web:when-may-i-listen GET",
    ),
    "Keeps light or dark and the language in the browser's own cookies; nothing is kept here.": (
        "web:preferences POST",
    ),
    "Says whether the vault works, to whoever watches over it.": ("health-live GET", "health-ready GET"),
    "Published: the description of the API, the program that checks the trail, the key that signs it.": (
        "api:openapi GET",
        "audit:key GET",
        "audit:verifier GET",
    ),
    "The customer's list of purposes: nothing of any call or person.": ("recordings-api:purposes GET",),
    "Says how far a check of the trail is, asked every few seconds; asking for it and its result are recorded.": (
        "audit-api:check GET",
        "audit:check-state GET",
    ),
    "Says how far a package is, asked every few seconds; ordering and fetching it are recorded.": (
        "audit:exports GET",
        "audit-api:export GET",
    ),
    "Says until when a permission to listen stands, asked every few seconds; that it was given, what was sent"
    " under it and how it ended are recorded.": ("recordings-api:grant GET",),
    "Names, versions and counts of keys, nothing of any person. It must open while the key management service is"
    " away, from which comes what seals the trail.": ("keys:list GET", "keys:key GET"),
}

# Why -> periodic jobs.
TASKS: dict[str, tuple[str, ...]] = {
    "Makes room for the trail's next months: no event could come before its place.": (
        "audit.make_partitions",
    ),
    "Draws waveforms and playable copies of what was brought in, sealed like it; shows nothing to anybody.": (
        "recordings.derive_copies",
    ),
    "Drops what was announced and never came, and objects without a key, which nobody could open.": (
        "recordings.drop_stale_intakes",
    ),
    "Carries events that are in the trail already to the ledger outside.": ("retention.flush_ledger",),
    "Keeps the worker's own credentials alive.": ("kms.keep_tokens",),
    "Watches the other jobs; says in the log which is late.": ("jobs.check_heartbeats",),
}

# Why -> management commands.
COMMANDS: dict[str, tuple[str, ...]] = {
    "Numbers what was recorded; its account can write no events, and its checkpoints are signed.": (
        "run_sequencer",
    ),
    "Prints the public half of the log's key.": ("show_log_key",),
    "Lists names, versions and counts of keys, nothing of any person.": ("keys list",),
    "Makes the first, empty keyring, before there is a database.": ("create_keyring",),
    "For trials only: prints the codes of the demo's made-up people.": ("demo_codes",),
}


def reasons(listed: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """Return for each door why it is not recorded."""
    return {door: why for why, doors in listed.items() for door in doors}


def as_tables() -> str:
    """Return the list as the guide shows it."""
    parts = []
    for title, listed in (
        ("Addresses", ROUTES),
        ("Periodic jobs", TASKS),
        ("Commands", COMMANDS),
    ):
        rows = [f"| {why} | {', '.join(f'`{door}`' for door in doors)} |" for why, doors in listed.items()]
        parts.append("\n".join([f"### {title}", "", "| why | which |", "| --- | --- |", *rows]))
    return "\n\n".join(parts) + "\n"
