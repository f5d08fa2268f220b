#!/usr/bin/env python3
"""A witness for a call-recording vault's trail (c2sp.org/tlog-witness): run it where the vault's operator has no say.

    python witness.py new-key --name dpo.example/witness --key FILE
    python witness.py run --listen 0.0.0.0:7380 --state FILE --key FILE --log VKEY [--tls-cert FILE --tls-key FILE]
    python witness.py status --state FILE

It remembers the newest checkpoint of each log and cosigns a newer one only with a proof that nothing before it
was changed. Of a log that shows it two histories it keeps both checkpoints and says so. It needs Python, this
file, ``verify.py`` beside it, and ``pip install cryptography``; it opens no connection to anywhere.

    POST /add-checkpoint            as c2sp.org/tlog-witness says
    GET  /ORIGIN/checkpoint         the newest checkpoint of a log with this witness's cosignature; the origin
                                    percent-encoded
"""

from __future__ import annotations

import argparse
import base64
import fcntl
import hashlib
import json
import os
import re
import signal
import ssl
import stat
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

try:
    from audit import verify
except ImportError:  # beside this file, elsewhere
    import verify  # type: ignore[import-not-found, no-redef]

COSIGNATURE = 0x04
_LONGEST_BODY = 65_536
_MOST_HASHES = 63
_MOST_AT_ONCE = 32
_MOST_FORKS = 100
_ANSWER_WITHIN_S = 10
_PRIVATE_KEY = re.compile(r"PRIVATE\+WITNESS\+([^\s+]+)\+([A-Za-z0-9+/]{43}=)\n?")
_SIGNATURE_LINE = re.compile(r"\N{EM DASH} [^\s+]+ [A-Za-z0-9+/]+={0,2}")


class Trouble(Exception):
    """Something that a person must know, said in one sentence."""


class Refused(Exception):
    """A request that is not granted: the status, and what the answer says."""

    def __init__(self, status: int, text: str, kind: str = "text/plain; charset=utf-8") -> None:
        super().__init__(text)
        self.status, self.text, self.kind = status, text, kind


# --- Key


@dataclass(frozen=True)
class Signer:
    """The witness's name and key."""

    name: str
    key: Ed25519PrivateKey

    @property
    def _public(self) -> bytes:
        return bytes([COSIGNATURE]) + self.key.public_key().public_bytes_raw()

    @property
    def _id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + self._public).digest()[:4]

    @property
    def vkey(self) -> str:
        """The public half as one line, for the vault's WITNESSES and for a policy."""
        return f"{self.name}+{self._id.hex()}+{base64.b64encode(self._public).decode()}"

    def cosign(self, text: str, at: int) -> str:
        """Return the line that says this witness saw a checkpoint then (c2sp.org/tlog-cosignature)."""
        signature = self.key.sign(f"cosignature/v1\ntime {at}\n{text}".encode())
        value = base64.b64encode(self._id + at.to_bytes(8, "big") + signature).decode()
        return f"\N{EM DASH} {self.name} {value}\n"

    @classmethod
    def load(cls, path: Path) -> Signer:
        """Read the file that ``new-key`` made."""
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise Trouble(f"Others may read {path}: chmod 600 it.")
        match = _PRIVATE_KEY.fullmatch(path.read_text(encoding="utf-8"))
        if match is None:
            raise Trouble(f"{path} holds no key of a witness; make one with new-key.")
        return cls(match[1], Ed25519PrivateKey.from_private_bytes(base64.b64decode(match[2])))


def new_key(name: str, path: Path) -> Signer:
    """Make a key; it never replaces one."""
    if not re.fullmatch(r"[^\s+\x00-\x1f]+", name):
        raise Trouble("The name of a witness has no spaces and no plus sign.")
    key = Ed25519PrivateKey.generate()
    secret = base64.b64encode(key.private_bytes_raw()).decode()
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(f"PRIVATE+WITNESS+{name}+{secret}\n")
        file.flush()
        os.fsync(file.fileno())
    return Signer(name, key)


# --- What it remembers


class State:
    """The newest checkpoint of each log, and every fork, in one file that is replaced whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._content: dict[str, Any] = {"format": "vault-witness/1", "logs": {}, "forks": []}
        if path.exists():
            self._content = read_state(path)

    def newest(self, origin: str) -> dict[str, Any] | None:
        """Return size, root (hexadecimal), note and time of the newest cosigned checkpoint."""
        found: dict[str, Any] | None = self._content["logs"].get(origin)
        return found

    def keep(self, origin: str, size: int, root: bytes, note: str, at: int) -> None:
        """Remember a checkpoint; on return it is on the disk."""
        newest = {"size": size, "root": root.hex(), "note": note, "at": at}
        self._write({**self._content, "logs": {**self._content["logs"], origin: newest}})

    def keep_fork(self, origin: str, what: str, held: str, shown: str, at: int) -> None:
        """Remember two checkpoints of one log that do not go together; each once."""
        forks = self._content["forks"]
        fork = {"origin": origin, "what": what, "held": held, "shown": shown, "at": at}
        is_known = any((one["held"], one["shown"]) == (held, shown) for one in forks)
        if not is_known and len(forks) < _MOST_FORKS:
            self._write({**self._content, "forks": [*forks, fork]})

    def _write(self, content: dict[str, Any]) -> None:
        draft = self._path.with_name(f".{self._path.name}.new")
        with open(
            os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
        ) as file:
            json.dump(content, file, indent=1, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._content = content


def read_state(path: Path) -> dict[str, Any]:
    """Return what a state file holds."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] == "vault-witness/1" and content["logs"] is not None:
            return content
    except (ValueError, KeyError, TypeError):
        pass
    raise Trouble(f"{path} is not the state of a witness. Without its memory this witness must not sign.")


def hold(path: Path) -> Any:
    """Keep a second process away from this state for as long as the file that is returned stays open."""
    file = path.with_name(f"{path.name}.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Trouble(f"Another witness uses {path}; two may never share one state.") from None
    return file


# --- The protocol


class Witness:
    """Decides, one request at a time."""

    def __init__(self, signer: Signer, state: State, logs: Sequence[verify.Key]) -> None:
        self._signer = signer
        self._state = state
        self._logs = list(logs)
        self._lock = threading.Lock()

    def add_checkpoint(self, body: bytes) -> str:
        """Return the cosignature of the checkpoint that a request holds.

        :raises Refused: with the status that c2sp.org/tlog-witness wants.
        """
        old, proof, note = _read_request(body)
        origin = note.split("\n", 1)[0]
        keys = [key for key in self._logs if key.name == origin]
        if not keys:
            raise Refused(404, "This witness does not know that log.\n")
        try:
            shown = verify.open_checkpoint(note, verify.Policy(keys))
        except verify.Broken as error:
            raise Refused(403, f"The checkpoint {error}.\n") from None
        if old > shown.size:
            raise Refused(400, "The old size is larger than that of the checkpoint.\n")
        with self._lock:
            return self._decide(old, proof, note, shown)

    def newest(self, origin: str) -> str:
        """Return the newest cosigned checkpoint of a log."""
        with self._lock:
            newest = self._state.newest(origin)
        if newest is None:
            raise Refused(404, "Nothing of that log was cosigned here.\n")
        return str(newest["note"])

    def _decide(self, old: int, proof: list[bytes], note: str, shown: verify.Checkpoint) -> str:
        at = int(time.time())
        newest = self._state.newest(shown.origin)
        size = newest["size"] if newest else 0
        if old != size:
            raise Refused(409, f"{size}\n", "text/x.tlog.size")
        root = bytes.fromhex(newest["root"]) if newest else hashlib.sha256(b"").digest()
        if newest and shown.size == size and shown.root != root:
            self._remember_fork("two roots of one size", newest, note, shown, at)
            raise Refused(409, f"{size}\n", "text/x.tlog.size")
        if not continues(size, root, shown.size, shown.root, proof):
            if newest:
                self._remember_fork("no proof that it continues", newest, note, shown, at)
            raise Refused(422, "The proof does not show that the checkpoint continues the one before.\n")
        text = note[: note.rindex("\n\n") + 1]
        cosignature = self._signer.cosign(text, at)
        self._state.keep(shown.origin, shown.size, shown.root, note + cosignature, at)
        return cosignature

    def _remember_fork(
        self, what: str, newest: dict[str, Any], note: str, shown: verify.Checkpoint, at: int
    ) -> None:
        self._state.keep_fork(shown.origin, what, str(newest["note"]), note, at)
        say(f"FORK of {shown.origin}: {what}; held {newest['size']}, shown {shown.size}. Both are kept.")


def _read_request(body: bytes) -> tuple[int, list[bytes], str]:
    """Return old size, proof and checkpoint of a request; everything in its one form."""
    try:
        head, gap, note = body.decode().partition("\n\n")
        lines = head.split("\n")
        if not gap or not lines[0].startswith("old ") or len(lines) > _MOST_HASHES + 1:
            raise verify.Broken("it has not the lines of a request")
        old = _number(lines[0].removeprefix("old "))
        proof = [_hash(line) for line in lines[1:]]
        text, gap, below = note.rpartition("\n\n")
        stated = text.split("\n")
        if not gap or len(stated) < 3 or not all(stated) or not below.endswith("\n"):
            raise verify.Broken("it holds no checkpoint")
        _number(stated[1])
        _hash(stated[2])
        signatures = below[:-1].split("\n")
        if len(signatures) > _MOST_HASHES or not all(map(_SIGNATURE_LINE.fullmatch, signatures)):
            raise verify.Broken("the signatures of the checkpoint are malformed")
    except (UnicodeDecodeError, verify.Broken) as error:
        raise Refused(400, f"The request cannot be understood: {error}.\n") from None
    return old, proof, note


def _number(text: str) -> int:
    if re.fullmatch(r"0|[1-9][0-9]{0,18}", text, re.ASCII) is None:
        raise verify.Broken("a size is not a whole number")
    return int(text)


def _hash(text: str) -> bytes:
    if re.fullmatch(r"[A-Za-z0-9+/]{43}=", text) is None:
        raise verify.Broken("a hash is not 32 bytes in base64")
    data = base64.b64decode(text)
    if base64.b64encode(data).decode() != text:
        raise verify.Broken("a hash is not written in its one form")
    return data


def continues(earlier: int, earlier_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Say whether the proof shows the earlier tree to be the beginning of the later one (RFC 9162, 2.1.4.2)."""
    if earlier in (0, size):
        return not proof and (earlier != size or earlier_root == root)
    parts = list(proof) if earlier & (earlier - 1) else [earlier_root, *proof]
    if not parts:
        return False
    place, last = earlier - 1, size - 1
    while place % 2:
        place, last = place >> 1, last >> 1
    before = after = parts[0]
    for part in parts[1:]:
        if last == 0:
            return False
        if place % 2 or place == last:
            before, after = _node(part, before), _node(part, after)
            while not place % 2 and place:
                place, last = place >> 1, last >> 1
        else:
            after = _node(after, part)
        place, last = place >> 1, last >> 1
    return last == 0 and before == earlier_root and after == root


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


# --- The server


class Server(ThreadingHTTPServer):
    """Answers so many at once and no more; who comes then is hung up on."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], witness: Witness, tls: ssl.SSLContext | None) -> None:
        super().__init__(address, Handler)
        self.witness = witness
        self._seats = threading.BoundedSemaphore(_MOST_AT_ONCE)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, if there is a seat."""
        if self._seats.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, then leave the seat."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._seats.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say in one line what went wrong with a connection."""
        say(f"a connection failed: {getattr(sys.exc_info()[0], '__name__', '')}")


class Handler(BaseHTTPRequestHandler):
    """The two requests there are."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "vault-witness", ""
    timeout = _ANSWER_WITHIN_S

    def do_POST(self) -> None:
        """Take a checkpoint."""
        try:
            if self.path != "/add-checkpoint":
                raise Refused(404, "There is nothing here.\n")
            self._answer(200, self.server.witness.add_checkpoint(self._body()))
        except Refused as refused:
            say(f"refused with {refused.status}: {refused.text.strip()}")
            self._answer(refused.status, refused.text, refused.kind)
        except OSError as error:
            say(f"the state cannot be written: {error.strerror}")
            self._answer(503, "The witness cannot keep its state, so it does not sign.\n")

    def do_GET(self) -> None:
        """Hand out the newest checkpoint of a log."""
        try:
            match = re.fullmatch(r"/([^/?#]{1,600})/checkpoint", self.path)
            if match is None:
                raise Refused(404, "There is nothing here.\n")
            self._answer(200, self.server.witness.newest(unquote(match[1])))
        except Refused as refused:
            self._answer(refused.status, refused.text, refused.kind)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of each request; what matters is said where it happens."""

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch(r"[0-9]{1,6}", length) or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise Refused(400, "A request says how long it is.\n")
        if int(length) > _LONGEST_BODY:
            self.close_connection = True
            raise Refused(413, "The request is too long.\n")
        try:
            return self.rfile.read(int(length))
        except TimeoutError:
            self.close_connection = True
            raise Refused(408, "The request did not come to its end.\n") from None

    def _answer(self, status: int, text: str, kind: str = "text/plain; charset=utf-8") -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)


# --- The program


def say(sentence: str) -> None:
    """Write one line to the log."""
    print(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {sentence}", file=sys.stderr, flush=True)


def run(asked: argparse.Namespace) -> int:
    """Serve until told to stop."""
    signer = Signer.load(asked.key)
    logs = [verify.Key.parse(vkey) for vkey in asked.log]
    if any(key.kind == COSIGNATURE for key in logs):
        raise Trouble("--log takes the key of a log, not of a witness.")
    host, colon, port = asked.listen.rpartition(":")
    if not colon or not port.isdigit():
        raise Trouble("--listen takes HOST:PORT.")
    tls = None
    if asked.tls_cert or asked.tls_key:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(asked.tls_cert, asked.tls_key)
    with hold(asked.state):
        server = Server((host.strip("[]"), int(port)), Witness(signer, State(asked.state), logs), tls)

        def stop(*_: object) -> None:
            threading.Thread(target=server.shutdown).start()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        say(f"{signer.vkey} listens at {asked.listen}")
        with server:
            server.serve_forever()
    return 0


def show_status(path: Path) -> int:
    """Print what a witness has seen; return 1 if that includes a fork."""
    if not path.exists():
        raise Trouble(
            f"{path} is not there: this witness has cosigned nothing yet, or keeps its state elsewhere."
        )
    content = read_state(path)
    for origin, newest in sorted(content["logs"].items()):
        print(f"{origin}: {newest['size']} entries, cosigned {_moment(newest['at'])}")
    for fork in content["forks"]:
        print(f"FORK of {fork['origin']}, shown {_moment(fork['at'])}: {fork['what']}.")
        print(f"--- held\n{fork['held']}--- shown\n{fork['shown']}---")
    if not content["logs"]:
        print("Nothing has been cosigned yet.")
    return int(bool(content["forks"]))


def _moment(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        prog="vault-witness", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    key = commands.add_parser("new-key", help="make a key and print its public half")
    key.add_argument("--name", required=True)
    key.add_argument("--key", type=Path, required=True)
    serve = commands.add_parser("run", help="take checkpoints until told to stop")
    serve.add_argument("--listen", default="127.0.0.1:7380")
    serve.add_argument("--state", type=Path, required=True)
    serve.add_argument("--key", type=Path, required=True)
    serve.add_argument("--log", action="append", required=True, metavar="VKEY")
    serve.add_argument("--tls-cert", type=Path)
    serve.add_argument("--tls-key", type=Path)
    status = commands.add_parser("status", help="say what it has seen; ends with 1 if that includes a fork")
    status.add_argument("--state", type=Path, required=True)
    asked = parser.parse_args(arguments)
    try:
        if asked.command == "new-key":
            print(new_key(asked.name, asked.key).vkey)
            return 0
        return run(asked) if asked.command == "run" else show_status(asked.state)
    except (Trouble, verify.Broken) as trouble:
        print(f"vault-witness: {trouble}", file=sys.stderr)
    except OSError as error:
        print(f"vault-witness: {error.strerror}: {error.filename}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
