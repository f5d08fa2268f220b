"""The settings of the servers that `bin/services` brings up, or that the environment names."""

import os
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

SERVICES = Path(__file__).resolve().parents[1] / "bin" / "services"


@cache
def settings() -> dict[str, str]:
    """Return them, with the servers up."""
    if not os.environ.get("S3_ENDPOINT_URL"):
        _services("up", "--fast")
    pairs = [shlex.split(line)[1].partition("=") for line in _services("env").splitlines()]
    return {name: value for name, _, value in pairs} | dict(os.environ)


def _services(*words: str) -> str:
    done = subprocess.run([sys.executable, SERVICES, *words], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout
