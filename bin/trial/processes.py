"""Start, recognise and stop server processes.

A process is remembered by its id, its start time and the machine's boot, so that a number used again
after a restart is never mistaken for ours, and nothing is ever stopped by name.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from trial.place import Trouble, cause, private_folder, read_json, var, write_secret

PAUSE_SECONDS = 0.03


@dataclass(frozen=True)
class Process:
    """One running process of ours."""

    name: str
    pid: int
    started: str

    @property
    def is_alive(self) -> bool:
        """Say whether this very process still runs."""
        return _started(self.pid) == self.started


def find(name: str) -> Process | None:
    """Return the remembered process if it still runs."""
    known = read_json(_record(name))
    process = Process(**known) if known else None
    return process if process and process.is_alive else None


def start(
    name: str,
    command: Sequence[str | Path],
    *,
    folder: Path,
    environment: Mapping[str, str],
    inherited: Sequence[int] = (),
) -> Process:
    """Start a program in the background, its output in a log of its own, and remember it."""
    with log(name).open("ab") as output:
        child = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env=dict(environment),
            pass_fds=inherited,
            start_new_session=True,  # Ctrl-C is ours to answer, in the right order
        )
    process = Process(name, child.pid, _started(child.pid) or "")
    write_secret(_record(name), json.dumps(asdict(process)))
    _children[child.pid] = child
    return process


def wait_until(is_ready: Callable[[], bool], process: Process, *, seconds: float = 60) -> None:
    """Wait for a server to answer; say what its log says if it ends or never does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if has_ended(process):
            raise Trouble(f"{process.name} ended while starting: {last_words(process.name)}")
        if is_ready():
            return
        time.sleep(PAUSE_SECONDS)
    raise Trouble(f"{process.name} did not answer within {seconds:.0f} seconds: {last_words(process.name)}")


def stop(
    name: str,
    *,
    politely: signal.Signals = signal.SIGTERM,
    forcibly: signal.Signals = signal.SIGKILL,
    seconds: float = 15,
) -> bool:
    """Stop the remembered process, at last by force; return whether it was running."""
    process = find(name)
    if process is not None:
        for kind in (politely, forcibly):
            _send(process, kind)
            if _wait_for_end(process, seconds):
                break
    _record(name).unlink(missing_ok=True)
    return process is not None


def has_ended(process: Process) -> bool:
    """Say whether a process is gone, and take leave of it if it was our child."""
    child = _children.get(process.pid)
    return (child is not None and child.poll() is not None) or not process.is_alive


def log(name: str) -> Path:
    """Return the path of a process's log."""
    return private_folder(var() / "log") / f"{name}.log"


def last_words(name: str) -> str:
    """Return why a process ended, as far as its log tells."""
    return f"{cause(log(name).read_text(encoding='utf-8', errors='replace'))} (see {log(name)})"


_children: dict[int, subprocess.Popen[bytes]] = {}


def _record(name: str) -> Path:
    return private_folder(var() / "processes") / f"{name}.json"


def _started(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *fields = stat.rpartition(")")[2].split()
    if state in {"Z", "X"}:
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot}:{fields[18]}"


def _send(process: Process, kind: signal.Signals) -> None:
    if process.is_alive:
        try:
            os.kill(process.pid, kind)
        except ProcessLookupError:
            return


def _wait_for_end(process: Process, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if has_ended(process):
            return True
        time.sleep(PAUSE_SECONDS)
    return False
