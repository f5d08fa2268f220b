"""moto, put right where it is known to lie about AWS KMS.

What AWS documents and moto does not do, put right here, so that the contract means something:

- a key whose deletion is scheduled wraps and unwraps nothing (moto: it does both);
- ``Decrypt`` under another key than the one named is an IncorrectKeyException (moto: AccessDeniedException);
- ``ReEncrypt`` refuses another source key than the one named (moto: does not look);
- a ciphertext that names no key is an InvalidCiphertextException (moto: AccessDeniedException).

What it does not do and no test here can show: permissions (every identity may do everything), limits on requests,
the end of the waiting time (a key is *pending* for ever), a service that is away.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from moto.core.exceptions import JsonRESTError
from moto.kms.exceptions import AccessDeniedException, InvalidCiphertextException
from moto.kms.models import KmsBackend
from moto.kms.responses import KmsResponse


@contextmanager
def corrected() -> Iterator[None]:
    """Put moto right while this lasts."""
    encrypt, decrypt, re_encrypt = KmsBackend.encrypt, KmsBackend.decrypt, KmsResponse.re_encrypt

    def check_state(backend: KmsBackend, key_id: str) -> None:
        key = backend.keys.get(backend.any_id_to_key_id(key_id))
        if key is not None and key.key_state == "PendingDeletion":
            raise JsonRESTError("KMSInvalidStateException", "The key is pending deletion.")

    def honest_encrypt(self: KmsBackend, key_id: str, *args: Any, **named: Any) -> Any:
        check_state(self, key_id)
        return encrypt(self, key_id, *args, **named)

    def honest_decrypt(
        self: KmsBackend,
        ciphertext_blob: bytes,
        encryption_context: dict[str, str],
        key_id: str | None = None,
    ) -> Any:
        if key_id is not None:
            check_state(self, key_id)
        try:
            plaintext, arn = decrypt(self, ciphertext_blob, encryption_context)
        except AccessDeniedException:
            raise InvalidCiphertextException from None
        if key_id is not None and not arn.endswith(self.any_id_to_key_id(key_id)):
            raise JsonRESTError("IncorrectKeyException", "The ciphertext is another key's.")
        return plaintext, arn

    def honest_re_encrypt(self: KmsResponse) -> str:
        self.kms_backend.decrypt(
            ciphertext_blob=self._get_param("CiphertextBlob"),
            encryption_context=self._get_param("SourceEncryptionContext", {}),
            key_id=self._get_param("SourceKeyId"),
        )
        return re_encrypt(self)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(KmsBackend, "encrypt", honest_encrypt)
        patched.setattr(KmsBackend, "decrypt", honest_decrypt)
        patched.setattr(KmsResponse, "re_encrypt", honest_re_encrypt)
        yield
