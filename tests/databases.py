"""Databases for tests: one migrated template, copied.

The template is migrated by the owner once for each state of the code that makes it, and kept between runs.
"""

import hashlib
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from django.core.management import call_command
from django.db import connections
from psycopg import sql

from bench._vault import drop_database
from vault import privileges

CHECKOUT = Path(__file__).resolve().parents[1]
ADDRESSES = {"default": "DATABASE_URL", "owner": "DATABASE_OWNER_URL", "sequencer": "DATABASE_SEQUENCER_URL"}
KEPT_TEMPLATES = 6
_HOST = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:6]
_LOCK = 7_214_001  # any number that every run agrees on


@contextmanager
def copied() -> Iterator[str]:
    """Point every alias at a new copy of the template, and drop it afterwards."""
    with created() as name, pointed_at(name):
        yield name


@contextmanager
def created() -> Iterator[str]:
    """Make a new copy of the template, and drop it afterwards."""
    name = f"vault_test_{_HOST}_{os.getpid()}_{secrets.token_hex(4)}"
    with _server() as server:
        _drop_left_behind(server)
        template = _template(server)
        server.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*map(sql.Identifier, (name, template)))
        )
    try:
        yield name
    finally:
        with _server() as server:
            drop_database(server, name)


@contextmanager
def backup_of(name: str) -> Iterator[str]:
    """Make a copy of a database as it is now, to which nobody may be connected; drop it afterwards."""
    backup = f"vault_test_{_HOST}_{os.getpid()}_{secrets.token_hex(4)}"
    connections.close_all()
    with _server() as server:
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*map(sql.Identifier, (backup, name))))
    try:
        yield backup
    finally:
        with _server() as server:
            drop_database(server, backup)


@contextmanager
def pointed_at(name: str) -> Iterator[None]:
    """Point every alias at a database for a while."""
    before = {alias: connections.settings[alias]["NAME"] for alias in ADDRESSES}
    _point_at(dict.fromkeys(ADDRESSES, name))
    try:
        yield
    finally:
        _point_at(before)


def environment(name: str) -> dict[str, str]:
    """Return the addresses of a database for a program of its own."""
    return {
        variable: urlunsplit(urlsplit(os.environ[variable])._replace(path=f"/{name}"))
        for variable in ADDRESSES.values()
    }


@contextmanager
def _server() -> Iterator[psycopg.Connection[Any]]:
    address = urlunsplit(urlsplit(os.environ["DATABASE_OWNER_URL"])._replace(path="/postgres"))
    with psycopg.connect(address, autocommit=True) as connection:
        yield connection


def _template(server: psycopg.Connection[Any]) -> str:
    name = f"vault_template_{_state_of_the_code()}"
    server.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
    if not _names(server, name):
        draft = f"{name}_draft"
        for statement in ("DROP DATABASE IF EXISTS {}", "CREATE DATABASE {}"):
            server.execute(sql.SQL(statement).format(sql.Identifier(draft)))
        before = {alias: connections.settings[alias]["NAME"] for alias in ADDRESSES}
        _point_at(dict.fromkeys(ADDRESSES, draft))
        try:
            call_command("migrate", database="owner", interactive=False, verbosity=0)
            privileges.grant_all()
        finally:
            _point_at(before)
        server.execute(
            sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(draft), sql.Identifier(name))
        )
        for old in _names(server, "vault_template_%")[:-KEPT_TEMPLATES]:
            drop_database(server, old)
    server.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
    return name


def _state_of_the_code() -> str:
    """Return a hash of all that decides what a migrated database holds; partitions also follow the month."""
    digest = hashlib.sha256(datetime.now(UTC).strftime("%Y-%m").encode())
    sources = [
        CHECKOUT / "requirements.txt",
        CHECKOUT / "vault" / "privileges.py",
        CHECKOUT / "vault" / "settings.py",
    ]
    for package in ("vault", "audit", "recordings", "retention", "privacy"):
        sources += sorted((CHECKOUT / package).glob("**/migrations/**/*.*"))
    for path in sources:
        if path.suffix in {".py", ".sql", ".txt"}:
            digest.update(path.relative_to(CHECKOUT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _drop_left_behind(server: psycopg.Connection[Any]) -> None:
    """Drop the databases of runs on this machine that were killed."""
    for name in _names(server, f"vault_test_{_HOST}_%"):
        if not Path(f"/proc/{name.split('_')[3]}").exists():
            drop_database(server, name)


def _names(server: psycopg.Connection[Any], pattern: str) -> list[str]:
    """Return the databases with such names, oldest first."""
    found = server.execute(
        "SELECT datname FROM pg_database WHERE datname LIKE %s AND datname NOT LIKE '%%\\_draft' ORDER BY oid",
        [pattern],
    )
    return [name for (name,) in found]


def _point_at(names: dict[str, str]) -> None:
    for alias, name in names.items():
        connections[alias].close()
        connections.settings[alias]["NAME"] = name
        connections[alias].settings_dict["NAME"] = name
