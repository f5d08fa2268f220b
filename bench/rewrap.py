"""Rewrapping the data keys of a key-encryption key: the vault's own job on PostgreSQL and OpenBao, end to end.

`keys_per_second` is what the job does by the clock on the wall: a page of rows read, wrapped again by the server,
stored, and noted, page after page. `vs_bare_transit` compares that with the very same batches sent to the
server alone, in turns with it.
"""

import base64
import os
import secrets
from datetime import UTC, datetime
from uuid import UUID

from bench._settings import settings
from bench._vault import a_vault
from bench.harness import Row, summarise, wall_seconds

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MOST_AT_ONCE = 249


def measure(*, small: bool) -> list[Row]:
    """Measure the job and the bare server in turns."""
    count, rounds = (1_000, 1) if small else (50_000, 5)
    if "KMS_ADDRESS" not in settings():
        raise SystemExit("This bench needs OpenBao: bin/services up --fast brings it up.")
    with a_vault(KMS_KIND="openbao"):
        from audit.actor import Actor
        from recordings import key_work
        from recordings.models import KeyWorkKind, StoredKey
        from vault import kms
        from vault.kms import Duty, WrappedKey, keks

        name, actor = f"audio-bench-{secrets.token_hex(6)}", Actor.system("bench")
        keks.ensure(name)
        wrapped = _wrap_many(name, count)
        StoredKey.objects.bulk_create(
            [
                StoredKey(
                    id=key_id,
                    recording_id=key_id,
                    kind=1,
                    kek=name,
                    kek_version=1,
                    wrapped=each,
                    created_at=NOW,
                )
                for key_id, each in wrapped.items()
            ],
            batch_size=5_000,
        )
        items = [WrappedKey(each, _context(key_id)) for key_id, each in wrapped.items()]

        def ours() -> None:
            key_work.begin(name, KeyWorkKind.ROTATE, actor=actor, now=NOW)
            if key_work.carry_on(actor=actor, now=NOW) != count:
                raise SystemExit("The job did not wrap all keys again.")

        def bare() -> None:
            service = kms.service(Duty.ROTATION)
            service.rotate(name)
            for begin in range(0, count, key_work.BATCH):
                if None in service.rewrap(name, items[begin : begin + key_work.BATCH]):
                    raise SystemExit("The server did not wrap all keys again.")

        key_work.BUDGET_S = float("inf")
        for warm_up in (ours, bare):
            warm_up()
        pairs = [(wall_seconds(ours), wall_seconds(bare)) for _ in range(rounds)]
        kms.service(Duty.DESTRUCTION).destroy(name)
    return [
        summarise("keys_per_second", [count / mine for mine, _ in pairs], bar=5_000, unit="keys/s"),
        summarise("vs_bare_transit", [theirs / mine for mine, theirs in pairs], bar=0.4),
    ]


def _context(key_id: UUID) -> bytes:
    from recordings import keys

    return keys.context_of(key_id, key_id, 1)


def _wrap_many(name: str, count: int) -> dict[UUID, bytes]:
    """Wrap keys in batches, as the product never needs to: only to have something to measure with."""
    from vault.kms.server import Server, Token
    from vault.kms.transit import _from_text

    given = settings()
    token = Token(given["KMS_TOKEN_INGEST"])
    server = Server(given["KMS_ADDRESS"], token, ca_bundle=given.get("KMS_CA_BUNDLE", ""))
    ids = [UUID(bytes=os.urandom(16)) for _ in range(count)]
    wrapped: dict[UUID, bytes] = {}
    for begin in range(0, count, MOST_AT_ONCE):
        batch = ids[begin : begin + MOST_AT_ONCE]
        items = [
            {
                "plaintext": base64.b64encode(os.urandom(32)).decode(),
                "context": base64.b64encode(_context(key_id)).decode(),
            }
            for key_id in batch
        ]
        answer = server.ask("POST", f"transit/encrypt/{name}", {"batch_input": items})
        results = answer.data["batch_results"]
        wrapped |= {
            key_id: _from_text(each["ciphertext"]) for key_id, each in zip(batch, results, strict=True)
        }
    return wrapped
