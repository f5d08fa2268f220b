"""A namespace on the real OpenBao server, set up as docs/guides/keys-in-openbao.md says."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import urllib3

from vault.kms import Duty, KeyInfo, WrappedKey
from vault.kms.server import Server, Token
from vault.kms.transit import Transit
from vault.places import Place

POLICIES = Path(__file__).resolve().parents[2] / "deploy" / "openbao"


class Namespace:
    """One namespace, and who may do everything in it."""

    def __init__(self, name: str, address: str, ca_bundle: str, admin: str) -> None:
        self.name = name
        self.address = address
        self.ca_bundle = ca_bundle
        self.tokens: dict[Duty, str] = {}
        self._admin = admin
        self._pool = urllib3.PoolManager(ca_certs=ca_bundle, retries=False)

    def ask(
        self, method: str, path: str, body: object = None, *, token: str = "", root: bool = False
    ) -> tuple[int, Any]:
        """Ask as administrator, or with another token, in the namespace or above it."""
        headers = {"X-Vault-Token": token or self._admin}
        if not root:
            headers["X-Vault-Namespace"] = self.name
        got = self._pool.request(method, f"{self.address}/v1/{path}", json=body or {}, headers=headers)
        return got.status, got.json() if got.data else {}

    def new_token(self, duty: Duty, *, period: str = "768h") -> str:
        """Make a token of a duty."""
        asked = {"policies": [f"callvault-{duty}"], "no_default_policy": True, "no_parent": True}
        status, answer = self.ask("POST", "auth/token/create", asked | {"period": period})
        assert status == 200, answer
        return answer["auth"]["client_token"]

    def as_duty(self, duty: Duty, *, address: str = "") -> Transit:
        """Return the vault's way to the keys, with a duty's token."""
        server = Server(
            address or self.address, Token(self.tokens[duty]), namespace=self.name, ca_bundle=self.ca_bundle
        )
        return Transit(server, duty)

    def settings(self) -> dict[str, Any]:
        """Return the settings with which the vault keeps its keys here."""
        return {
            "KMS_KIND": "openbao",
            "KMS_ADDRESS": self.address,
            "KMS_CA_BUNDLE": self.ca_bundle,
            "KMS_NAMESPACE": self.name,
            "KMS_MOUNT": "transit",
        } | {f"KMS_TOKEN_{duty.name}": token for duty, token in self.tokens.items()}

    def clear(self) -> None:
        """Take all keys away."""
        _, listed = self.ask("GET", "transit/keys?list=true")
        for name in listed.get("data", {}).get("keys", []):
            self.ask("POST", f"transit/keys/{name}/config", {"deletion_allowed": True})
            self.ask("DELETE", f"transit/keys/{name}")


@contextmanager
def a_namespace() -> Iterator[Namespace]:
    """Make a namespace, with mount, policies and tokens; remove it afterwards."""
    admin = (Path(os.environ["VAULT_VAR"]) / "openbao" / "admin").read_text(encoding="ascii")
    name = f"test-{secrets.token_hex(6)}"
    made = Namespace(name, os.environ["KMS_ADDRESS"], os.environ["KMS_CA_BUNDLE"], admin)
    assert made.ask("POST", f"sys/namespaces/{name}", root=True)[0] == 200
    try:
        assert made.ask("POST", "sys/mounts/transit", {"type": "transit"})[0] == 204
        for duty in Duty:
            policy = (POLICIES / f"{duty}.hcl").read_text(encoding="utf-8")
            assert made.ask("POST", f"sys/policies/acl/callvault-{duty}", {"policy": policy})[0] == 204
            made.tokens[duty] = made.new_token(duty)
        yield made
    finally:
        made.ask("DELETE", f"sys/namespaces/{name}", root=True)


class EachByItsDuty:
    """All five duties as one service: each act with the token of the duty that it belongs to."""

    def __init__(self, namespace: Namespace) -> None:
        self._as = {duty: namespace.as_duty(duty) for duty in Duty}

    @property
    def destruction_reaches_copies(self) -> bool:
        return self._as[Duty.DESTRUCTION].destruction_reaches_copies

    @property
    def destruction_takes(self) -> timedelta:
        return self._as[Duty.DESTRUCTION].destruction_takes

    def version_of(self, wrapped: bytes) -> int:
        return self._as[Duty.INGEST].version_of(wrapped)

    def ensure_key(self, name: str) -> None:
        self._as[Duty.ROTATION].ensure_key(name)

    def wrap(self, name: str, key: bytes, context: bytes) -> bytes:
        return self._as[Duty.INGEST].wrap(name, key, context)

    def unwrap(self, name: str, wrapped: bytes, context: bytes) -> bytes:
        return self._as[Duty.PLAYBACK].unwrap(name, wrapped, context)

    def rewrap(self, name: str, keys: Sequence[WrappedKey]) -> list[bytes | None]:
        return self._as[Duty.ROTATION].rewrap(name, keys)

    def rotate(self, name: str) -> int:
        return self._as[Duty.ROTATION].rotate(name)

    def trim(self, name: str, *, oldest: int) -> None:
        self._as[Duty.DESTRUCTION].trim(name, oldest=oldest)

    def destroy(self, name: str) -> None:
        self._as[Duty.DESTRUCTION].destroy(name)

    def describe(self) -> list[KeyInfo]:
        return self._as[Duty.ROTATION].describe()

    def places(self) -> list[Place]:
        return self._as[Duty.ROTATION].places()

    def check(self) -> None:
        for each in self._as.values():
            each.check()
