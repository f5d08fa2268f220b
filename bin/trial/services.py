"""Bring the embedded servers up and down, and say how to reach them."""

import base64
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, cast

from trial import openbao, postgresql, processes, seaweedfs, settings, valkey
from trial.place import is_set, lock, private_folder, var, write_secret


class Server(Protocol):
    """What each embedded server's module offers."""

    NAME: str
    PORTS: int

    def is_given(self) -> bool: ...
    def new_settings(self) -> dict[str, Any]: ...
    def environment(self, settings: dict[str, Any]) -> dict[str, str]: ...
    def start(self, settings: dict[str, Any], *, fast: bool) -> None: ...
    def stop(self) -> bool: ...


SERVERS = tuple(cast(Server, module) for module in (postgresql, valkey, seaweedfs, openbao))


def needed() -> tuple[Server, ...]:
    """Return the servers that the vault itself needs; the tests need all."""
    return tuple(server for server in SERVERS if server.NAME != openbao.NAME or openbao.is_wanted())


def up(servers: tuple[Server, ...] = SERVERS, *, fast: bool = False, tell: Callable[[str], None]) -> None:
    """Start every one that neither runs nor is replaced by a real one; harmless when all run."""
    with lock("services"):
        chosen = _choose()
        wanted = [server for server in servers if not server.is_given() and not processes.find(server.NAME)]

        def start(server: Server) -> str:
            began = time.monotonic()
            server.start(chosen[server.NAME], fast=fast)
            return f"{server.NAME} is up ({time.monotonic() - began:.1f} s)"

        with ThreadPoolExecutor(len(SERVERS)) as pool:
            for sentence in pool.map(start, wanted):
                tell(sentence)


def down(*, tell: Callable[[str], None]) -> None:
    """Stop every server that we started."""
    with lock("services"), ThreadPoolExecutor(len(SERVERS)) as pool:
        for server, was_running in zip(SERVERS, pool.map(lambda server: server.stop(), SERVERS), strict=True):
            tell(f"{server.NAME} {'is down' if was_running else 'was not running'}")


def status() -> dict[str, str]:
    """Say of each server whether it runs."""
    return {server.NAME: _state(server) for server in SERVERS}


def environment() -> dict[str, str]:
    """Return the settings of the vault for the servers that are ours, and its secrets for the trial."""
    with lock("services"):
        chosen = _choose()
    variables = {name: value for name, value in chosen["vault"].items() if not is_set(name)}
    for server in SERVERS:
        if not server.is_given():
            variables |= server.environment(chosen[server.NAME])
    return variables


def _state(server: Server) -> str:
    if server.is_given():
        return "given by the environment"
    process = processes.find(server.NAME)
    return f"up (process {process.pid})" if process else "down"


def _choose() -> dict[str, Any]:
    """Return ports, passwords and secrets, choosing those that are missing or no longer free."""
    chosen = settings.load()
    before = repr(chosen)
    for server in SERVERS:
        mine = chosen.setdefault(server.NAME, {}) or server.new_settings()
        chosen[server.NAME] = mine
        ports = mine.get("ports")
        if ports is None or not (processes.find(server.NAME) or settings.are_free(ports)):
            mine["ports"] = settings.free_ports(server.PORTS)
    chosen["vault"] = _vault_settings() | chosen.get("vault", {})
    if repr(chosen) != before:
        settings.save(chosen)
    return chosen


def _vault_settings() -> dict[str, str]:
    keys = private_folder(var() / "keys")
    trail_key = keys / "trail"
    if not trail_key.exists():
        write_secret(trail_key, base64.b64encode(secrets.token_bytes(32)).decode(), mode=0o400)
    return {
        "VAULT_TRIAL": "true",
        "ORGANISATION": "Harbour Vale Energy",  # the demo's; nobody has that name
        "SECRET_KEY": secrets.token_urlsafe(48),
        "KMS_KEYRING": str(keys / "keyring"),
        "KMS_MASTER_FILE": str(keys / "master"),  # made with the keyring, on first use
        "AUDIT_KEY_FILE": str(trail_key),
        "STATIC_ROOT": str(var() / "static"),
        "HARDEN_WAIT_HOURS": "0",  # a trial has no backups to wait for
        "DEMO_PASSWORD": f"harbour-{secrets.token_hex(6)}",
    }
