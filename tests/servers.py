"""Real servers for the tests, found or started before the settings are read.

Addresses in the environment are used as they are; for those that are missing, `bin/services` brings up
servers of the tests' own under var/test. Each run has its own bucket, its own keyring, its own
namespace of OpenBao and a numbered database of Valkey, so runs side by side do not meet.
"""

import atexit
import os
import secrets
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import redis

CHECKOUT = Path(__file__).resolve().parents[1]


def prepare() -> None:
    """Set every setting that the vault reads from the environment."""
    os.environ.setdefault("VAULT_VAR", str(CHECKOUT / "var" / "test"))
    _services("up", "--fast")
    for line in _services("env").splitlines():
        name, _, value = shlex.split(line)[1].partition("=")
        os.environ[name] = value
    folder = tempfile.TemporaryDirectory(prefix="vault-test-")
    atexit.register(folder.cleanup)
    os.environ |= {
        "KMS_KEYRING": str(Path(folder.name) / "keyring"),
        "KMS_MASTER_FILE": str(Path(folder.name) / "master"),
        "STATIC_ROOT": folder.name,
        "S3_BUCKET": f"test-{secrets.token_hex(8)}",
        "REDIS_URL": _own_number(os.environ["REDIS_URL"]),
    }


def _services(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, CHECKOUT / "bin" / "services", *words], stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def _own_number(url: str) -> str:
    """Return the address of a database of the server that no other run uses."""
    address = urlsplit(url)
    directory = redis.Redis.from_url(urlunsplit(address._replace(path="/0")))
    for number in range(1, int(directory.config_get("databases")["databases"])):
        holder = directory.get(f"test-run-{number}")
        if holder is not None and Path(f"/proc/{int(holder)}").exists():
            continue
        directory.set(f"test-run-{number}", os.getpid())
        atexit.register(directory.delete, f"test-run-{number}")
        return urlunsplit(address._replace(path=f"/{number}"))
    raise RuntimeError("Every database of the Valkey server is taken by another test run.")
