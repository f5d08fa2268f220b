"""The product set up on a database of a bench's own, on the servers that `bin/services` brings up."""

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from bench._settings import settings

ADDRESSES = ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_SEQUENCER_URL")


@contextmanager
def a_vault(module: str = "vault.settings", **more: str) -> Iterator[None]:
    """Set the product up, with keys of its own unless ``more`` says otherwise; drop the database afterwards."""
    given, name, folder = settings(), f"bench_{secrets.token_hex(6)}", tempfile.mkdtemp()
    with _database(given["DATABASE_OWNER_URL"], name):
        os.environ |= given | {address: _named(given[address], name) for address in ADDRESSES}
        os.environ |= {
            "KMS_KEYRING": f"{folder}/keyring",
            "KMS_MASTER_FILE": f"{folder}/master",
            "STATIC_ROOT": folder,
            "DJANGO_SETTINGS_MODULE": module,
            "LOG_LEVEL": "ERROR",
        }
        os.environ |= more
        import django
        from django.core.management import call_command
        from django.db import connections

        django.setup()
        call_command("prepare_database", verbosity=0, stdout=open(os.devnull, "w"))  # noqa: SIM115
        try:
            yield
        finally:
            connections.close_all()
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _database(owner: str, name: str) -> Iterator[None]:
    with _server(owner) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield
    finally:
        with _server(owner) as server:
            drop_database(server, name)


def drop_database(server: psycopg.Connection[Any], name: str) -> None:
    """Drop a database if it is there; autovacuum, which only a superuser may end, is waited for."""
    until = time.monotonic() + 120
    while True:
        try:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        except psycopg.errors.InsufficientPrivilege:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)
        else:
            return


def _server(owner: str) -> psycopg.Connection[Any]:
    return psycopg.connect(_named(owner, "postgres"), autocommit=True)


def _named(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
