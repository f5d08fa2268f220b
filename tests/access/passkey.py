"""A passkey in software: what a browser and its authenticator would send."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import (
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

ORIGIN = "https://testserver"
FLAG = AuthenticatorData.FLAG


@dataclass
class Passkey:
    """One credential on one device."""

    is_verifying: bool = True
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = field(default_factory=lambda: os.urandom(32))
    user_handle: bytes = b""
    origin: str = ORIGIN

    def create(self, options: dict[str, Any]) -> str:
        """Answer a request to register."""
        options = options["publicKey"]
        self.user_handle = options["user"]["id"].encode()
        client_data = self._client_data("webauthn.create", options["challenge"])
        credential = AttestedCredentialData.create(
            b"\0" * 16, self.credential_id, ES256.from_cryptography_key(self.key.public_key())
        )
        attested = AuthenticatorData.create(
            self._rp(options["rp"]["id"]), self._flags | FLAG.AT, 1, credential
        )
        response = {
            "clientDataJSON": websafe_encode(client_data),
            "attestationObject": websafe_encode(AttestationObject.create("none", attested, {})),
        }
        return self._credential(response)

    def get(self, options: dict[str, Any]) -> str:
        """Answer a request to authenticate."""
        options = options["publicKey"]
        client_data = self._client_data("webauthn.get", options["challenge"])
        data = AuthenticatorData.create(self._rp(options["rpId"]), self._flags, 2)
        signature = self.key.sign(
            bytes(data) + hashlib.sha256(client_data).digest(), ec.ECDSA(hashes.SHA256())
        )
        response = {
            "clientDataJSON": websafe_encode(client_data),
            "authenticatorData": websafe_encode(data),
            "signature": websafe_encode(signature),
            "userHandle": self.user_handle.decode(),
        }
        return self._credential(response)

    @property
    def _flags(self) -> AuthenticatorData.FLAG:
        return FLAG.UP | FLAG.UV if self.is_verifying else FLAG.UP

    def _client_data(self, kind: str, challenge: str) -> CollectedClientData:
        return CollectedClientData.create(kind, challenge, self.origin)

    def _rp(self, rp_id: str) -> bytes:
        return hashlib.sha256(rp_id.encode()).digest()

    def _credential(self, response: dict[str, str]) -> str:
        encoded = websafe_encode(self.credential_id)
        return json.dumps(
            {
                "id": encoded,
                "rawId": encoded,
                "type": "public-key",
                "response": response,
                "clientExtensionResults": {},
            }
        )
