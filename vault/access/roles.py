"""Who may what: the whole policy as one table.

A role gives permissions; a team gives reach (which recordings they apply to). An agent has no permission
yet: until a person can be tied to their own calls, a whole team's would be more than the work needs.
PUBLIC, SIGNING_IN and SIGNED_IN are not in the table: no role gives them, the gate decides.
"""

from __future__ import annotations

from enum import StrEnum

from vault.permissions import Permission


class Role(StrEnum):
    """What somebody is here for; a person has exactly one."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    REVIEWER = "reviewer"
    DPO = "dpo"
    ADMINISTRATOR = "administrator"
    INTEGRATION = "integration"  # service tokens only, never a person


PEOPLES_ROLES = tuple(role for role in Role if role is not Role.INTEGRATION)

S, R = Role.SUPERVISOR, Role.REVIEWER
D, M, I = Role.DPO, Role.ADMINISTRATOR, Role.INTEGRATION  # noqa: E741 - columns of the table below

ROLES_ALLOWED: dict[Permission, frozenset[Role]] = {
    Permission.RECORDING_INGEST: frozenset({I}),
    Permission.RECORDING_FIND: frozenset({S, R, D, I}),
    Permission.RECORDING_PLAY: frozenset({S, R}),
    Permission.RECORDING_ERASE: frozenset({D}),
    Permission.LAWFUL_BASIS_READ: frozenset({S, R, D, I}),
    Permission.LAWFUL_BASIS_RECORD: frozenset({S, D, I}),
    Permission.RESTRICTION_SET: frozenset({D}),
    Permission.HOLD_READ: frozenset({D}),
    Permission.HOLD_PLACE: frozenset({D}),
    # With a second person: who asks, and who else may decide on it.
    Permission.HOLD_RELEASE: frozenset({D}),
    Permission.HOLD_RELEASE_DECIDE: frozenset({D, M}),
    Permission.POLICY_READ: frozenset({S, R, D, M}),
    Permission.POLICY_CHANGE: frozenset({D}),
    Permission.RETENTION_READ: frozenset({D}),
    Permission.ERASURE_PROOF_READ: frozenset({D}),
    Permission.CONSULTATIONS_STATE: frozenset({D}),
    Permission.BREACH_REPORT: frozenset({D}),
    Permission.AUDIT_READ: frozenset({D}),
    Permission.AUDIT_EXPORT: frozenset({D}),
    Permission.PEOPLE_READ: frozenset({D, M}),
    Permission.PEOPLE_MANAGE: frozenset({M}),
    # Decides, as a second person, on what an administrator asks for about a DPO's or administrator's account.
    Permission.ROLE_DECIDE: frozenset({D, M}),
    Permission.APPROVAL_READ: frozenset({D, M}),  # those who may ask for, or decide on, anything
    Permission.TOKEN_MANAGE: frozenset({M}),
    Permission.SETTINGS_READ: frozenset({D, M}),
    Permission.KEY_READ: frozenset({D, M}),
    Permission.KEY_MANAGE: frozenset({M}),
    Permission.KEY_DESTROY_DECIDE: frozenset({D, M}),
    Permission.DATA_KEY_EXPORT: frozenset({D}),
    Permission.DATA_KEY_EXPORT_DECIDE: frozenset({D, M}),
    Permission.METRICS_READ: frozenset({M, I}),
}


def permissions_of(role: Role) -> frozenset[Permission]:
    """Return everything a role may."""
    return frozenset(permission for permission, roles in ROLES_ALLOWED.items() if role in roles)
