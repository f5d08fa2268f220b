"""Write ``container.json``: the container's test vectors, made from the specification alone.

    python tests/vectors/make_container.py > tests/vectors/container.json

It uses AES-GCM and HKDF-Expand and none of the vault's code, so the vectors are a second opinion on it. Salts
are fixed here so that the file can be made again; a real salt is random.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

SEGMENT = 16_384
RECORDING = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
KEY_ID = UUID("01890a5d-ac96-774b-bcce-b302099a8058")
DATA_KEY = hashlib.sha256(b"callvault test vector key").digest()
LENGTHS = [0, 1, 100, 16_383, 16_384, 16_385, 49_151, 49_152, 49_153, 1_048_576]


def plaintext(length: int) -> bytes:
    """Return bytes that say where they stand: byte i is i mod 251."""
    return (bytes(range(251)) * (length // 251 + 1))[:length]


def context(kind: int) -> bytes:
    """Return what the data key is bound to."""
    return b"callvault/v1\0" + RECORDING.bytes + KEY_ID.bytes + bytes([kind])


def seal(key: bytes, bound_to: bytes, salt: bytes, plain: bytes) -> bytes:
    """Seal as c2sp.org/chunked-encryption says, with SHA-512 and AES-256-GCM."""
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0" + salt + bound_to
    derived = HKDFExpand(SHA512(), 76, info).derive(key)
    cipher, base, commitment = AESGCM(derived[:32]), int.from_bytes(derived[32:44], "big"), derived[44:]
    sealed = salt + commitment
    for index in range(len(plain) // SEGMENT + 1):
        nonce = (base ^ index).to_bytes(12, "big")
        sealed += cipher.encrypt(nonce, plain[index * SEGMENT : (index + 1) * SEGMENT], None)
    return sealed


def accepted(length: int, kind: int) -> dict[str, Any]:
    """Return one vector of a container that opens."""
    salt = hashlib.sha256(f"callvault test vector salt {length}".encode()).digest()[:24]
    sealed = seal(DATA_KEY, context(kind), salt, plaintext(length))
    vector: dict[str, Any] = {
        "plain_length": length,
        "kind": kind,
        "context": context(kind).hex(),
        "header": sealed[:56].hex(),
        "sealed_length": len(sealed),
        "sealed_sha256": hashlib.sha256(sealed).hexdigest(),
    }
    if length <= 100 or length == 16_385:
        vector["sealed"] = base64.b64encode(sealed).decode()
    return vector


def refused() -> list[dict[str, str]]:
    """Return changes of the container of 100 bytes, and the code with which each is refused."""
    sealed = seal(
        DATA_KEY, context(1), hashlib.sha256(b"callvault test vector salt 100").digest()[:24], plaintext(100)
    )

    def changed(at: int) -> bytes:
        return sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]

    cases = [
        ("a bit of the salt", changed(0), context(1), "wrong-key"),
        ("a bit of the commitment", changed(24), context(1), "wrong-key"),
        ("a bit of the first segment", changed(56), context(1), "segment-altered"),
        ("a bit of its tag", changed(len(sealed) - 1), context(1), "segment-altered"),
        ("cut by one byte", sealed[:-1], context(1), "segment-altered"),
        ("cut to less than a tag", sealed[: 56 + 15], context(1), "truncated"),
        ("cut to the header", sealed[:56], context(1), "truncated"),
        ("one byte more", sealed + b"\0", context(1), "segment-altered"),
        ("another kind of copy", sealed, context(2), "wrong-key"),
    ]
    return [
        {"what": what, "sealed": base64.b64encode(found).decode(), "context": bound_to.hex(), "code": code}
        for what, found, bound_to, code in cases
    ]


if __name__ == "__main__":
    json.dump(
        {
            "format": "C2SP chunked-encryption v1, SHA-512, AES-256-GCM (Cobblestone-256)",
            "version": 1,
            "plaintext": "byte i is i mod 251",
            "data_key": DATA_KEY.hex(),
            "recording_id": str(RECORDING),
            "key_id": str(KEY_ID),
            "opens": [accepted(length, kind=number % 6 + 1) for number, length in enumerate(LENGTHS)],
            "refused": refused(),
        },
        sys.stdout,
        indent=1,
    )
    sys.stdout.write("\n")
