"""Where the checkout is, where its state is, and how trouble is told in one sentence."""

import errno
import fcntl
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
VENV = CHECKOUT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"

# What programs say, and what a person wants to know instead.
CAUSES = {
    "No space left on device": "the disk is full",
    "Temporary failure in name resolution": "there is no network",
    "Name or service not known": "there is no network",
    "Network is unreachable": "there is no network",
    "NewConnectionError": "there is no network, or the package index does not answer",
    "ConnectTimeoutError": "the package index does not answer",
    "ProxyError": "the proxy refuses to reach the package index",
    "No matching distribution": "the package index has no file for this Python or this machine",
    "DO NOT MATCH THE HASHES": "a downloaded file is not the one that was reviewed",
}


class Trouble(Exception):
    """Something a person must know, said in one sentence."""


def var() -> Path:
    """Return the folder of everything that running leaves behind, made for us alone."""
    path = Path(os.environ.get("VAULT_VAR") or CHECKOUT / "var").absolute()
    return private_folder(path)


def private_folder(path: Path) -> Path:
    """Make a folder that only we may enter."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_mode & 0o077:
        path.chmod(0o700)
    return path


def write_secret(path: Path, content: str, mode: int = 0o600) -> None:
    """Replace a file in one step; nobody else may ever read it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def is_set(name: str) -> bool:
    """Say whether the environment has a setting, by itself or as a file."""
    base = name.removesuffix("_FILE")
    return bool(os.environ.get(base) or os.environ.get(f"{base}_FILE"))


def read_json(path: Path) -> Any:
    """Return a file's content, or None where there is no such file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


@contextmanager
def lock(name: str) -> Iterator[None]:
    """Wait for our turn: one at a time changes what is under the state folder."""
    with (var() / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def held(name: str, otherwise: str) -> Iterator[None]:
    """Keep others out until we are done; who comes second is told why."""
    with (var() / f"{name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Trouble(otherwise) from None
        yield


def cause(said: str) -> str:
    """Return why a program failed, from all that it printed: what we know, or else its last line."""
    for sign, meaning in CAUSES.items():
        if sign in said:
            return meaning
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1].removesuffix(".") if lines else "it said nothing"


def explain(main: Callable[[], int]) -> None:
    """Run a program and end it with one sentence where the cause is known."""
    try:
        code = main()
    except Trouble as trouble:
        print(f"{Path(sys.argv[0]).name}: {trouble}", file=sys.stderr)
        code = 1
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EROFS}:
            raise
        print(f"{Path(sys.argv[0]).name}: {error.strerror}: {error.filename or var()}.", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
