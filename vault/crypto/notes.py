"""Signed notes (c2sp.org/signed-note) with Ed25519: text that anyone can check with a one-line public key."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from vault.crypto.errors import NoteRefused

ED25519 = 0x01
MAX_SIGNATURES = 64

_DASH = "\N{EM DASH} "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_UNFIT_FOR_NAME = re.compile(r"[\s+\x00-\x1f]")
_VERIFIER_KEY = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})")


@dataclass(frozen=True)
class NoteSigner:
    """A name and the private key that signs for it."""

    name: str
    private_key: Ed25519PrivateKey = field(repr=False)

    def __post_init__(self) -> None:
        _check_name(self.name)

    @property
    def verifier(self) -> NoteVerifier:
        """The public half."""
        return NoteVerifier(self.name, self.private_key.public_key())

    def sign(self, text: str) -> str:
        """Return the note: the text and this signature below it."""
        _check_text(text)
        return f"{text}\n{self.signature_line(text)}"

    def signature_line(self, text: str) -> str:
        """Return the one line that this key adds below a text, to stand under other signatures."""
        signature = self.verifier.key_id + self.private_key.sign(text.encode())
        return f"{_DASH}{self.name} {base64.b64encode(signature).decode()}\n"


@dataclass(frozen=True)
class NoteVerifier:
    """A name and the public key that is trusted to sign for it."""

    name: str
    public_key: Ed25519PublicKey

    def __post_init__(self) -> None:
        _check_name(self.name)

    @property
    def key_id(self) -> bytes:
        """The four bytes by which a signature line names its key."""
        return _key_id(self.name, self.public_key)

    @property
    def vkey(self) -> str:
        """The public key as one line of text: ``name+id+base64``, as Go's sumdb/note writes it."""
        encoded = base64.b64encode(bytes([ED25519]) + self.public_key.public_bytes_raw()).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    @classmethod
    def parse(cls, vkey: str) -> NoteVerifier:
        """Read a verifier key.

        :raises ValueError: if it is malformed, names another algorithm or does not match its own id.
        """
        match = _VERIFIER_KEY.fullmatch(vkey.strip())
        if match is None:
            raise ValueError("A verifier key has the form name+id+key.")
        name, key_id, encoded = match.groups()
        key = base64.b64decode(encoded, validate=True)
        if len(key) != 33 or key[0] != ED25519:
            raise ValueError("The verifier key is not an Ed25519 key.")
        verifier = cls(name, Ed25519PublicKey.from_public_bytes(key[1:]))
        if verifier.key_id.hex() != key_id:
            raise ValueError("The verifier key does not match its own id.")
        return verifier


@dataclass(frozen=True)
class Note:
    """A note whose signature by at least one trusted key holds."""

    text: str
    signed_by: tuple[NoteVerifier, ...]


def open_note(note: str, verifiers: Iterable[NoteVerifier]) -> Note:
    """Return the text and who of these has signed it; signatures by others are ignored.

    :raises NoteRefused: if it is malformed, a known key's signature fails, or no known key has signed.
    """
    text, separator, below = note.rpartition("\n\n")
    if not separator or not below.endswith("\n") or _CONTROL.search(note):
        raise NoteRefused
    text += "\n"
    lines = below[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise NoteRefused
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    signed_by = []
    for line in lines:
        name, signature = _read_signature(line)
        verifier = known.get((name, signature[:4]))
        if verifier is None or verifier in signed_by:
            continue
        try:
            verifier.public_key.verify(signature[4:], text.encode())
        except InvalidSignature:
            raise NoteRefused from None
        signed_by.append(verifier)
    if not signed_by:
        raise NoteRefused
    return Note(text, tuple(signed_by))


def _read_signature(line: str) -> tuple[str, bytes]:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not name or _UNFIT_FOR_NAME.search(name):
        raise NoteRefused
    try:
        signature = base64.b64decode(encoded, validate=True)
    except ValueError:  # binascii.Error, or text outside ASCII
        raise NoteRefused from None
    if len(signature) < 5:
        raise NoteRefused
    return name, signature


def _key_id(name: str, public_key: Ed25519PublicKey) -> bytes:
    named = name.encode() + b"\n" + bytes([ED25519]) + public_key.public_bytes_raw()
    return hashlib.sha256(named).digest()[:4]


def _check_name(name: str) -> None:
    if not name or _UNFIT_FOR_NAME.search(name):
        raise ValueError("The name of a key has no spaces and no plus sign.")


def _check_text(text: str) -> None:
    if not text.endswith("\n") or _CONTROL.search(text):
        raise ValueError("A note's text ends in a newline and holds no other control character.")
