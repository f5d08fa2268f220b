"""A witness of the trial's own, so that the demo's trail is anchored. On the same machine it is no outside place."""

import subprocess
from pathlib import Path

from trial import postgresql, processes, settings
from trial.place import CHECKOUT, VENV_PYTHON, Trouble, is_set, private_folder, var, write_secret

NAME = "witness"
PROGRAM = [str(VENV_PYTHON), str(CHECKOUT / "bin" / "vault-witness")]


def is_wanted() -> bool:
    """Say whether there is to be one: not where witnesses are named, nor over somebody else's database."""
    return not is_set("WITNESSES") and not postgresql.is_given()


def environment() -> dict[str, str]:
    """Return how the vault reaches it; nothing before it was made."""
    vkey, port = _folder() / "vkey", _folder() / "port"
    if not is_wanted() or not vkey.exists() or not port.exists():
        return {}
    address = f"http://127.0.0.1:{port.read_text(encoding='ascii')}"
    return {"WITNESSES": f"{vkey.read_text(encoding='ascii').strip()} {address}"}


def start(log: str) -> processes.Process | None:
    """Start it for the log with this public key, with a key of its own that is made once."""
    if not is_wanted():
        return None
    key, vkey, port = _folder() / "key", _folder() / "vkey", _folder() / "port"
    if not vkey.exists():
        key.unlink(missing_ok=True)
        made = subprocess.run(
            [*PROGRAM, "new-key", "--name", "trial.example/witness", "--key", key],
            capture_output=True,
            text=True,
        )
        if made.returncode:
            raise Trouble(f"The witness has no key: {made.stderr.strip()}")
        write_secret(vkey, made.stdout)
    if not port.exists() or not settings.are_free([int(port.read_text(encoding="ascii"))]):
        write_secret(port, str(settings.free_ports(1)[0]))
    listen = f"127.0.0.1:{port.read_text(encoding='ascii')}"
    options = ["--listen", listen, "--state", str(_folder() / "state"), "--key", str(key), "--log", log]
    return processes.start(NAME, [*PROGRAM, "run", *options], folder=CHECKOUT, environment={})


def _folder() -> Path:
    return private_folder(var() / NAME)
