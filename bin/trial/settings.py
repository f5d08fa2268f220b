"""Ports and passwords of the embedded servers: chosen once, at random, and kept."""

import json
import secrets
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from trial.place import read_json, var, write_secret

# Below the range from which systems take the ports of outgoing connections, so a kept port stays free.
PORTS = range(20000, 32000)


def load() -> dict[str, Any]:
    """Return what was chosen before; empty at first."""
    return read_json(_path()) or {}


def save(settings: dict[str, Any]) -> None:
    """Keep what was chosen."""
    write_secret(_path(), json.dumps(settings, indent=1))


def password() -> str:
    """Return a new password without a character that an address or a shell would change."""
    return secrets.token_hex(24)


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on."""
    with ExitStack() as held:
        ports: list[int] = []
        while len(ports) < count:
            port = secrets.choice(PORTS)
            probe = held.enter_context(socket.socket())
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            ports.append(port)
        return ports


def are_free(ports: list[int]) -> bool:
    """Say whether a server could listen on all of these."""
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def _path() -> Path:
    return var() / "settings.json"
