"""The roles' table: complete, and true to the promises made about it."""

from vault.access.forms import SCOPES
from vault.access.models import ROLE_NAMES
from vault.access.roles import PEOPLES_ROLES, ROLES_ALLOWED, Role, permissions_of
from vault.permissions import Permission

FOR_EVERYONE = {Permission.PUBLIC, Permission.SIGNING_IN, Permission.SIGNED_IN}


def test_every_permission_stands_in_the_table_and_every_role_has_a_name():
    assert ROLES_ALLOWED.keys() == set(Permission) - FOR_EVERYONE
    assert ROLE_NAMES.keys() == set(Role)
    assert Role.INTEGRATION not in PEOPLES_ROLES


def test_an_administrator_neither_finds_nor_hears_nor_brings_in_recordings():
    assert not {
        permission for permission in permissions_of(Role.ADMINISTRATOR) if permission.startswith("recording:")
    }


def test_only_supervisors_and_reviewers_listen():
    assert ROLES_ALLOWED[Permission.RECORDING_PLAY] == {Role.SUPERVISOR, Role.REVIEWER}


def test_only_the_dpo_reads_and_exports_the_trail_erases_and_sets_periods():
    for permission in (
        Permission.AUDIT_READ,
        Permission.AUDIT_EXPORT,
        Permission.RECORDING_ERASE,
        Permission.POLICY_CHANGE,
    ):
        assert ROLES_ALLOWED[permission] == {Role.DPO}


def test_nobody_who_manages_people_is_the_dpo():
    assert ROLES_ALLOWED[Permission.PEOPLE_MANAGE] == {Role.ADMINISTRATOR}


def test_every_scope_of_a_token_has_its_words():
    assert SCOPES.keys() == permissions_of(Role.INTEGRATION)


def test_whoever_may_decide_on_a_request_of_two_people_may_see_requests():
    for asks, decides in (
        (Permission.HOLD_RELEASE, Permission.HOLD_RELEASE_DECIDE),
        (Permission.PEOPLE_MANAGE, Permission.ROLE_DECIDE),
    ):
        assert ROLES_ALLOWED[decides] == {Role.DPO, Role.ADMINISTRATOR}
        assert ROLES_ALLOWED[asks] | ROLES_ALLOWED[decides] <= ROLES_ALLOWED[Permission.APPROVAL_READ]
