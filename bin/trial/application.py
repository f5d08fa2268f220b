"""The vault's own processes in the trial: web, worker, beat and sequencer, and what prepares for them."""

import hashlib
import http.client
import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from trial import postgresql, processes, witness
from trial.place import CHECKOUT, VENV_PYTHON, Trouble, var, write_secret

PORTS = range(8000, 8100)
PARTS = ("vault", "audit", "recordings", "retention", "privacy")
PROCESSES = ("web", "worker", "beat", "sequencer", "witness")
# Settings of accounts that only one process may use: who serves requests cannot even try.
SERVING = ("DATABASE_OWNER_URL", "DATABASE_SEQUENCER_URL", "AUDIT_KEY")
KEPT_FROM = {"web": SERVING, "worker": SERVING, "beat": SERVING, "sequencer": ("DATABASE_OWNER_URL",)}


def take_port() -> socket.socket:
    """Listen on the port that PORT asks for, else on the first free one from 8000 on.

    The web server inherits the socket, so nobody else can take the port while we prepare.
    """
    asked = os.environ.get("PORT", "")
    if not asked:
        for port in PORTS:
            if taken := _listen(port):
                return taken
        raise Trouble("Every port from 8000 to 8099 is taken; choose one with PORT=9000 bin/run")
    if not asked.isdigit() or not 0 < int(asked) < 65536:
        raise Trouble("PORT must be a number from 1 to 65535.")
    if taken := _listen(int(asked)):
        return taken
    raise Trouble(f"Port {asked} is taken by another program; choose another with PORT=9000 bin/run")


def manage(environment: Mapping[str, str], *words: str, shown: bool = False) -> str:
    """Run one management command; return what it printed, unless that was shown."""
    done = subprocess.run(
        [VENV_PYTHON, CHECKOUT / "manage.py", *words],
        cwd=CHECKOUT,
        env=dict(environment),
        stdout=None if shown else subprocess.PIPE,
        stderr=None if shown else subprocess.STDOUT,
        text=True,
    )
    if done.returncode == 0:
        return done.stdout or ""
    if shown:
        raise Trouble(f"{words[0]} failed.")
    log = processes.log(words[0])
    log.write_text(done.stdout, encoding="utf-8")
    raise Trouble(f"{words[0]} failed: {processes.last_words(words[0])}")


def prepare(environment: Mapping[str, str], *, tell: Callable[[str], None]) -> None:
    """Bring database and demo up to date, and static files meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        static = pool.submit(_once, "static", ["static"], partial(_collect_static, environment))
        _once("database", ["migrations", "privileges.py"], partial(_prepare_database, environment, tell))
        _once("demo", ["demo"], partial(_make_demo, environment, tell))
        static.result()


def start(environment: Mapping[str, str], door: socket.socket) -> dict[str, processes.Process]:
    """Start the vault's processes and wait until the web answers and every part behind it does."""
    stop()
    environment = {"AUDIT_PUBLIC_KEY": _public_key(environment), **environment}
    own_witness = witness.start(environment["AUDIT_PUBLIC_KEY"])
    environment |= witness.environment()
    bind = ["--bind", f"fd://{door.fileno()}", "--no-control-socket", "--worker-tmp-dir", str(var())]
    threads = ["--worker-class", "gthread", "--workers", "2", "--threads", "8"]
    commands = {
        "web": ["gunicorn", "vault.wsgi:application", *bind, *threads],
        "worker": ["celery", "-A", "vault.celery", "worker", "--concurrency", "2", "--loglevel", "INFO"],
        "beat": ["celery", "-A", "vault.celery", "beat", "-s", str(var() / "beat"), "--pidfile="],
    }
    python = [str(VENV_PYTHON), "-m"]
    running = {
        name: _start(name, [*python, *command], environment, door) for name, command in commands.items()
    }
    sequencer = [str(VENV_PYTHON), "manage.py", "run_sequencer"]
    running["sequencer"] = _start("sequencer", sequencer, environment, door)
    if own_witness:
        running["witness"] = own_witness
    processes.wait_until(partial(_is_ready, door.getsockname()[1]), running["web"], seconds=120)
    return running


def watch(running: Mapping[str, processes.Process]) -> None:
    """Return only by an interruption; complain when a process ends by itself."""
    while True:
        for name, process in running.items():
            if processes.has_ended(process):
                raise Trouble(f"The {name} ended by itself: {processes.last_words(name)}")
        time.sleep(1)


def stop() -> None:
    """Stop the vault's processes, letting them finish what they are at."""
    with ThreadPoolExecutor(len(PROCESSES)) as pool:
        list(pool.map(processes.stop, PROCESSES))


def _listen(port: int) -> socket.socket | None:
    door = socket.socket()
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind(("127.0.0.1", port))
        door.listen(128)
    except OSError:
        door.close()
        return None
    return door


def _start(
    name: str, command: list[str], environment: Mapping[str, str], door: socket.socket
) -> processes.Process:
    kept = {variable + end for variable in KEPT_FROM[name] for end in ("", "_FILE")}
    allowed = {variable: value for variable, value in environment.items() if variable not in kept}
    inherited = [door.fileno()] if name == "web" else []
    return processes.start(name, command, folder=CHECKOUT, environment=allowed, inherited=inherited)


def _public_key(environment: Mapping[str, str]) -> str:
    """Return the public half of the log's key; found out once, and again for another key."""
    kept, origin = var() / "trail.vkey", environment.get("AUDIT_ORIGIN", "")
    secret = environment.get("AUDIT_KEY") or Path(environment["AUDIT_KEY_FILE"]).read_text(encoding="ascii")
    wanted = hashlib.sha256(f"{origin}\n{secret}".encode()).hexdigest()
    if not kept.exists() or not kept.read_text(encoding="utf-8").startswith(wanted):
        write_secret(kept, f"{wanted}\n{manage(environment, 'show_log_key').strip()}")
    return kept.read_text(encoding="utf-8").splitlines()[1]


def _once(name: str, sources: list[str], prepare: Callable[[], None]) -> None:
    """Do what takes long only when the sources have changed since, or the database may be another one."""
    stamp, wanted = var() / f"{name}.stamp", _fingerprint(sources)
    if not postgresql.is_given() and stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
        return
    prepare()
    write_secret(stamp, wanted)


def _prepare_database(environment: Mapping[str, str], tell: Callable[[str], None]) -> None:
    manage(environment, "prepare_database", "--verbosity=0")
    tell("The database is up to date")


def _collect_static(environment: Mapping[str, str]) -> None:
    manage(environment, "collectstatic", "--noinput", "--clear", "--verbosity=0")


def _make_demo(environment: Mapping[str, str], tell: Callable[[str], None]) -> None:
    tell("Making the demo organisation and its calls")
    began = time.monotonic()
    manage(environment, "create_demo", shown=True)
    tell(f"The demo is there ({time.monotonic() - began:.0f} s)")


def _fingerprint(names: list[str]) -> str:
    """Return a hash of the files and folders of these names, and of what is installed."""
    digest = hashlib.sha256((CHECKOUT / "requirements.txt").read_bytes())
    patterns = [pattern for name in names for pattern in (name, *(f"{part}/**/{name}" for part in PARTS))]
    found = [path for pattern in patterns for path in CHECKOUT.glob(pattern)]
    for top in sorted(found):
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and path.suffix != ".pyc":
                digest.update(os.fsencode(path.relative_to(CHECKOUT)) + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health/ready", headers={"Host": f"localhost:{port}"})
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
