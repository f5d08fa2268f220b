"""Everything one may be allowed to do, by name. Who may is said in ``vault.access.roles``."""

from __future__ import annotations

from enum import StrEnum


class Permission(StrEnum):
    """What an endpoint asks for; each endpoint names one, or is refused."""

    # Not a grant to a role: what everyone may reach.
    PUBLIC = "public"
    SIGNING_IN = "signing-in"  # pages of the sign-in itself: a password was given, the second factor not yet
    SIGNED_IN = "signed-in"  # any person with a second factor: own account, help

    RECORDING_INGEST = "recording:ingest"
    RECORDING_FIND = "recording:find"
    RECORDING_PLAY = "recording:play"
    RECORDING_ERASE = "recording:erase"
    LAWFUL_BASIS_READ = "lawful-basis:read"
    LAWFUL_BASIS_RECORD = "lawful-basis:record"
    RESTRICTION_SET = "restriction:set"

    HOLD_READ = "hold:read"
    HOLD_PLACE = "hold:place"
    HOLD_RELEASE = "hold:release"
    HOLD_RELEASE_DECIDE = "hold:release-decide"
    POLICY_READ = "policy:read"
    POLICY_CHANGE = "policy:change"
    RETENTION_READ = "retention:read"
    ERASURE_PROOF_READ = "erasure-proof:read"

    CONSULTATIONS_STATE = "consultations:state"  # who listened to somebody, and who saw what of them
    BREACH_REPORT = "breach:report"  # what was sent to an account

    AUDIT_READ = "audit:read"
    AUDIT_EXPORT = "audit:export"

    PEOPLE_READ = "people:read"
    PEOPLE_MANAGE = "people:manage"
    ROLE_DECIDE = "role:decide"
    APPROVAL_READ = "approval:read"
    TOKEN_MANAGE = "token:manage"  # noqa: S105 - the name of a permission, not a secret
    SETTINGS_READ = "settings:read"

    KEY_READ = "key:read"
    KEY_MANAGE = "key:manage"  # new versions; asking for the end of one
    KEY_DESTROY_DECIDE = "key:destroy-decide"
    DATA_KEY_EXPORT = "data-key:export"  # asking for it: it opens one stored copy outside
    DATA_KEY_EXPORT_DECIDE = "data-key:export-decide"
    METRICS_READ = "metrics:read"
