"""What the vault's database accounts may do with each table: the whole policy as one list.

Closed by default: nobody but the owner may touch a table that is not named here, and a test fails until it
is. Nobody may TRUNCATE, and only the owner, who serves no request, may change tables and triggers.
"""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from django.db import connections, transaction
from psycopg import sql

READ = frozenset({"SELECT"})
APPEND = READ | {"INSERT"}
APPEND_AND_ERASE = APPEND | {"DELETE"}
APPEND_AND_MARK = APPEND | {"UPDATE"}
WRITE = APPEND_AND_ERASE | {"UPDATE"}

# The account that serves requests and runs jobs (DATABASE_URL).
APPLICATION: dict[str, frozenset[str]] = {
    # The trail: events and their sealed personal data are added and read, never changed. Only the
    # sequencer extends the tree.
    "audit_event": APPEND,
    "audit_addendum": APPEND,
    "audit_leaf": READ,
    "audit_tile": READ,
    "audit_checkpoint": READ,
    "audit_anchor": APPEND,
    "audit_anchorplace": APPEND_AND_MARK,
    "audit_subjectkey": APPEND_AND_ERASE,
    "audit_export": WRITE,
    "audit_lookup": APPEND_AND_ERASE,
    "audit_check": APPEND_AND_MARK,
    "audit_removedmonth": READ,
    "audit_knownsetting": WRITE,
    # Recordings
    "recordings_recording": WRITE,
    "recordings_details": WRITE,
    "recordings_party": WRITE,
    "recordings_lawfulbasis": APPEND_AND_ERASE,
    "recordings_storedkey": WRITE,
    "recordings_rendition": WRITE,
    "recordings_sourceidentity": WRITE,
    "recordings_intake": WRITE,
    "recordings_pendingobject": WRITE,
    "recordings_playbackgrant": WRITE,
    "recordings_grantwindow": WRITE,
    "recordings_purpose": WRITE,
    # Retention: what was decided stays; triggers say which columns may be filled in later.
    "retention_retentionpolicy": APPEND_AND_MARK,
    "retention_hold": APPEND_AND_MARK,
    "retention_erasure": WRITE,
    "retention_ledgerentry": APPEND_AND_MARK,
    "retention_rescheduling": APPEND_AND_MARK,
    "retention_clockmark": WRITE,
    "retention_clockdoubt": APPEND_AND_MARK,
    # Requests for a second person: a trigger says what may still change.
    "approvals_approval": APPEND_AND_MARK,
    # Keys, places, jobs
    "residency_violation": APPEND_AND_MARK,
    "kms_master": WRITE,
    "kms_kek": APPEND_AND_MARK,
    "recordings_keywork": APPEND_AND_MARK,
    "jobs_heartbeat": WRITE,
    # People and sign-in
    "access_user": WRITE,
    "access_team": WRITE,
    "access_membership": WRITE,
    "access_invitation": WRITE,
    "access_signin": WRITE,
    "access_servicetoken": WRITE,
    "account_emailaddress": WRITE,
    "account_emailconfirmation": WRITE,
    "mfa_authenticator": WRITE,
    "django_session": WRITE,
    # Django's own, filled by migrations
    "auth_group": READ,
    "auth_group_permissions": READ,
    "auth_permission": READ,
    "django_content_type": READ,
    "django_migrations": READ,
}

# Columns that only their default fills: an event cannot claim another transaction or moment than its own.
FILLED_BY_DATABASE = {
    "audit_event": frozenset({"tx", "recorded_at"}),
    "audit_addendum": frozenset({"recorded_at"}),
}

# The account that alone numbers events and signs checkpoints (DATABASE_SEQUENCER_URL).
SEQUENCER: dict[str, frozenset[str]] = {
    "audit_event": READ,
    "audit_leaf": APPEND,
    "audit_tile": APPEND,
    "audit_checkpoint": APPEND,
    "django_migrations": READ,
}


def grant_all() -> None:
    """Give both accounts exactly what is listed, over the owner's connection; safe to repeat."""
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        existing = set(connections["owner"].introspection.table_names(cursor))
        database = sql.Identifier(str(connections["owner"].settings_dict["NAME"]))
        for alias, grants in (("default", APPLICATION), ("sequencer", SEQUENCER)):
            role = sql.Identifier(_account(alias))
            # Tables of their own, temporary ones too, could hide the real ones from a function of the owner's.
            for whom in (role, sql.SQL("PUBLIC")):
                cursor.execute(
                    sql.SQL("REVOKE CREATE, TEMPORARY ON DATABASE {} FROM {}").format(database, whom)
                )
                cursor.execute(sql.SQL("REVOKE CREATE ON SCHEMA public FROM {}").format(whom))
            cursor.execute(sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {}").format(role))
            cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(role))
            for table in existing & grants.keys():
                rights = sql.SQL(", ").join(
                    sql.SQL(right) + _columns_to_insert(table, right) for right in sorted(grants[table])
                )
                cursor.execute(sql.SQL("GRANT {} ON {} TO {}").format(rights, sql.Identifier(table), role))


def unlisted_tables() -> set[str]:
    """Return the tables that no list names; a partition counts as the table it is part of."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace"
            " WHERE nspname = 'public' AND relkind IN ('r', 'p') AND NOT relispartition"
        )
        tables = {name for (name,) in cursor.fetchall()}
    return tables - APPLICATION.keys() - SEQUENCER.keys()


def _columns_to_insert(table: str, right: str) -> sql.Composable:
    """Return the columns an INSERT may name, where some are not for the account to fill."""
    if right != "INSERT" or table not in FILLED_BY_DATABASE:
        return sql.SQL("")
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
            " AND NOT attisdropped AND attname <> ALL(%s) ORDER BY attnum",
            [table, sorted(FILLED_BY_DATABASE[table])],
        )
        names = [sql.Identifier(name) for (name,) in cursor.fetchall()]
    return sql.SQL(" ({})").format(sql.SQL(", ").join(names))


def _account(alias: str) -> str:
    account = str(connections[alias].settings_dict["USER"])
    if account == connections["owner"].settings_dict["USER"]:
        raise ImproperlyConfigured(
            "DATABASE_URL and DATABASE_SEQUENCER_URL must name accounts other than the owner's: "
            "an owner could change the trail."
        )
    return account
