"""Random histories of keys, with a death between any two steps: what is kept opens, what is erased never does.

Each history has a database, a keyring and a store of its own. A death is an exception that nothing catches, raised
before or after any call of the key service or the store, any replaced file, any commit; then the process's memory
is gone and life goes on.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.cobblestone import Cobblestone256Encryptor
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.actor import Actor
from recordings import expiry, keks, key_work, keys, moving, reading
from recordings.facts import CallFacts, Plan
from recordings.models import KeyWork, KeyWorkKind, Recording, Rendition, StoredKey
from retention import erasure, holds, key_months
from retention.models import Ground
from tests import databases
from tests.recordings import calls
from tests.recordings.conftest import exchange_actor, person
from tests.retention.conftest import run_sweep
from vault import kms, storage
from vault.access.models import Team
from vault.access.roles import Role
from vault.crypto import container
from vault.crypto import fields as sealed_fields
from vault.crypto.container import CopyKind
from vault.errors import Refusal
from vault.kms import Duty, files, masters
from vault.kms import keks as books
from vault.kms.keyring import Keyring
from vault.kms.models import Kek, KekState, Master
from vault.storage.directory import DirectoryStore

NOW = datetime(2026, 11, 22, 10, 52, 7, tzinfo=UTC)
JOB = Actor.system("task:test")
MONTHS = ["2026-01", "2026-02", "2026-11", "2027-02", "open"]
KINDS = list(KeyWorkKind)


class Killed(BaseException):
    """The process is gone."""


class Fate:
    """Counts steps, and kills at the one that was drawn."""

    def __init__(self) -> None:
        self.left = 0

    def step(self) -> None:
        if self.left > 0:
            self.left -= 1
            if self.left == 0:
                raise Killed


class World:
    """One vault and what must be true of it."""

    month = MONTHS[0]

    def __init__(self) -> None:
        Team.objects.create(name="North")
        self.exchange = exchange_actor()
        self.dpo = person("katrien@example.org", Role.DPO)
        self.spoken: dict[UUID, bytes] = {}
        self.renditions: dict[UUID, Rendition] = {}
        self.erased: set[UUID] = set()
        self.held: set[UUID] = set()
        self.stolen: dict[UUID, StoredKey] = {}
        self.stolen_masters: dict[tuple[str, bytes], Master] = {}
        books.ensure("ledger")
        self.in_the_ledger = kms.service(Duty.INGEST).wrap("ledger", bytes(32), b"an entry")

    def ingest(self, at: int, other: int) -> None:
        World.month = MONTHS[other % len(MONTHS)]
        audio = calls.wav(0.01 * (1 + len(self.spoken)))
        document = calls.document()
        with suppress(Refusal):
            recording = calls.bring_in(self.exchange, audio=audio, said=document)
            self.spoken[recording.pk] = audio

    def plan_anew(self, at: int, other: int) -> None:
        World.month = MONTHS[other % len(MONTHS)]
        with suppress(Refusal), transaction.atomic():
            recording = Recording.objects.select_for_update(of=("self",)).require_kept(self._one(at))
            planned = expiry.plan(expiry.facts_of(recording), now=NOW)
            expiry.set_expiry(recording, planned, actor=JOB, now=NOW)

    def move(self, at: int, other: int) -> None:
        moving.move_keys(now=NOW)

    def begin_work(self, at: int, other: int) -> None:
        names = list(Kek.objects.order_by("pk").values_list("pk", flat=True))
        with suppress(Refusal, IndexError):
            key_work.begin(names[at % max(len(names), 1)], KINDS[other % 3], actor=JOB, now=NOW)

    def work(self, at: int, other: int) -> None:
        key_work.carry_on(actor=JOB, now=NOW)

    def hold(self, at: int, other: int) -> None:
        with suppress(Refusal):
            holds.place_hold(self._one(at), reason="A claim.", actor=self.dpo, now=NOW)

    def erase(self, at: int, other: int) -> None:
        with suppress(Refusal):
            erasure.erase_recording(self._one(at), ground=Ground.REQUEST, actor=self.dpo, now=NOW)

    def sweep(self, at: int, other: int) -> None:
        run_sweep()

    def end_months(self, at: int, other: int) -> None:
        key_months.destroy_passed(actor=JOB)

    def close(self, at: int, other: int) -> None:
        use = ("audio", "fields")[at % 2]
        with suppress(Refusal), transaction.atomic():
            keks.close(f"{use}-{MONTHS[other % len(MONTHS)]}", why="by hand", actor=JOB, now=NOW)
        keks.destroy_closed(actor=JOB, now=NOW)

    def write_the_books(self, at: int, other: int) -> None:
        """Do what the application's database account can do by plain SQL; the jobs then act on it."""
        names = list(Kek.objects.order_by("pk").values_list("pk", flat=True))
        with suppress(IntegrityError, IndexError), transaction.atomic():
            kek = Kek.objects.filter(pk=names[at % max(len(names), 1)])
            kek.update(state=KekState.CLOSING, closed_at=NOW)
        with suppress(IntegrityError), transaction.atomic():
            KeyWork.objects.create(kek="ledger", kind=KeyWorkKind.HARDEN, asked_at=NOW, moved_at=NOW)
        keks.destroy_closed(actor=JOB, now=NOW)
        key_work.carry_on(actor=JOB, now=NOW)

    def bring_the_service_back(self, at: int, other: int) -> None:
        """Put back a copy of the keyring in which what was destroyed since still is; a sweep destroys it again."""
        from django.conf import settings as product

        files_ = [Path(product.KMS_KEYRING), Path(product.KMS_MASTER_FILE)]
        if not files_[0].exists():
            return
        copy = [file.read_bytes() for file in files_]
        self.end_months(at, other)
        for file, content in zip(files_, copy, strict=True):
            file.write_bytes(content)
        self.end_months(at, other)

    def steal(self, at: int, other: int) -> None:
        """Copy the key store, as a backup does."""
        self.stolen |= {row.pk: row for row in StoredKey.objects.all()}
        self.stolen_masters |= {(row.name, bytes(row.wrapped)): row for row in Master.objects.all()}

    def restart(self, at: int, other: int) -> None:
        """Lose what a process has in memory."""
        keys.forget_all_cached()
        masters.forget_all()
        books.forget()
        kms.forget_services()

    def _one(self, at: int) -> UUID:
        known = sorted(self.spoken, key=str)
        return known[at % len(known)] if known else UUID(int=0)

    def check(self) -> None:
        rows = {recording.pk: recording for recording in Recording.objects.all()}
        for key, recording in rows.items():
            if recording.is_erased:
                self.erased.add(key)
        assert self.erased == {key for key, recording in rows.items() if recording.is_erased}, (
            "none came back"
        )
        held = set(Recording.objects.filter(is_held=True).values_list("pk", flat=True))
        assert self.held - held == set()
        assert not held & self.erased
        self.held = held
        for key in rows.keys() - self.erased:
            rendition = rows[key].renditions.get(kind=CopyKind.ORIGINAL)
            self.renditions[key] = rendition
            content = b"".join(reading.read_whole(rendition))
            assert content == self.spoken.setdefault(key, content), "every live recording opens"
            keys.open_field_key(key)
        for key in self.erased & self.renditions.keys():
            with pytest.raises(keys.KeyGone):
                keys.opener_of(self.renditions[key])
        in_use = set(Kek.objects.filter(state=KekState.ACTIVE).values_list("pk", flat=True))
        used = StoredKey.objects.exclude(kind=keys.FIELDS).values_list("kek", flat=True)
        assert set(used) <= in_use, "no key-encryption key with a live key is gone"

    def check_stolen(self) -> None:
        """See that a stolen key store opens nothing erased, once its keys were hardened or are gone."""
        key_months.destroy_passed(actor=JOB)
        for _ in range(3):
            key_work.carry_on(actor=JOB, now=NOW)
            moving.move_keys(now=NOW)
        of_recordings = Kek.objects.filter(state=KekState.ACTIVE, name__regex="^(audio|fields)-")
        for name in of_recordings.values_list("pk", flat=True):
            with suppress(Refusal):
                key_work.begin(name, KeyWorkKind.HARDEN, actor=JOB, now=NOW)
        key_work.carry_on(actor=JOB, now=NOW)
        self.check()
        masters.forget_all()
        for row in self.stolen.values():
            if row.recording_id not in self.erased:
                continue
            if row.kind != keys.FIELDS:
                with pytest.raises((kms.UnwrapRefused, kms.KeyDestroyed)):
                    keys.unwrap_stored(row)
                continue
            name = keys.master_of(row.kek, row.kek_version)
            for master in (each for each in self.stolen_masters.values() if each.name == name):
                with pytest.raises((kms.UnwrapRefused, kms.KeyDestroyed)):
                    masters._unwrap(master)
            assert masters.find(name) is None

    def check_takes_in(self) -> None:
        """See that a call whose end is not known can still come, and what the ledger holds be opened."""
        World.month = "open"
        audio = calls.wav(0.01 * (1 + len(self.spoken)))
        assert calls.bring_in(self.exchange, audio=audio).key_month == "open"
        assert kms.service(Duty.INGEST).unwrap("ledger", self.in_the_ledger, b"an entry") == bytes(32)


ACTIONS = [
    *[World.ingest] * 4,
    *[World.plan_anew] * 2,
    World.move,
    *[World.begin_work] * 2,
    *[World.work] * 2,
    World.hold,
    *[World.erase] * 2,
    World.sweep,
    World.end_months,
    World.close,
    World.write_the_books,
    World.bring_the_service_back,
    World.steal,
    World.restart,
]
STEP = st.tuples(
    st.sampled_from(ACTIONS),
    st.integers(0, 11),
    st.integers(0, 11),
    st.one_of(st.just(0), st.integers(1, 40)),
)


def plan(call: CallFacts, *, now: datetime) -> Plan:
    """Plan for the month that the history says."""
    month = World.month
    ends = None if month == "open" else datetime.fromisoformat(f"{month}-27T12:00:00+00:00")
    return replace(calls.plan(call, now=now), month=month, expires_at=ends, in_conflict=ends is None)


@given(st.lists(STEP, min_size=6, max_size=28))
@settings(
    max_examples=int(os.environ.get("KEY_HISTORIES", "15")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_whatever_happens_what_is_kept_opens_and_what_is_erased_never_does(
    django_db_setup, django_db_blocker, steps
):
    with django_db_blocker.unblock(), databases.copied(), a_vault() as fate:
        world = World()
        for act, at, other, dies_at in steps:
            fate.left = dies_at
            try:
                act(world, at, other)
            except Killed:
                world.restart(0, 0)
            fate.left = 0
            world.check()
        world.check_stolen()
        world.check_takes_in()


@contextmanager
def a_vault() -> Iterator[Fate]:
    """Give a history a keyring and a store of its own, and put its fate between any two steps."""
    fate = Fate()
    sealed: set[tuple[bytes, bytes]] = set()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        from django.conf import settings as product

        patch.setattr(product, "KMS_KEYRING", f"{folder}/keyring")
        patch.setattr(product, "KMS_KEYRING_BACKUP", f"{folder}/backup")
        patch.setattr(product, "KMS_MASTER_FILE", f"{folder}/master")
        patch.setattr(product, "RECORDING_SCHEDULER", "tests.retention.test_key_histories.plan")
        store = DirectoryStore(Path(folder) / "objects")
        patch.setattr(storage, "store", lambda: store)
        for owner, names in (
            (Keyring, "ensure_key wrap unwrap rewrap rotate trim destroy"),
            (DirectoryStore, "put put_if_absent read delete versions"),
        ):
            for name in names.split():
                patch.setattr(owner, name, between(getattr(owner, name), fate))
        patch.setattr(files, "replace", between(files.replace, fate))
        patch.setattr(transaction.Atomic, "__exit__", _commit(transaction.Atomic.__exit__, fate))
        patch.setattr(container, "Cobblestone256Encryptor", _counted(sealed))
        patch.setattr(sealed_fields, "_cipher", _ciphers(sealed_fields._cipher, sealed))
        _forget()
        yield fate
    _forget()


def between(call: Callable[..., Any], fate: Fate) -> Callable[..., Any]:
    """Let fate have its say before and after a call."""

    def called(*args: Any, **kwargs: Any) -> Any:
        fate.step()
        answer = call(*args, **kwargs)
        fate.step()
        return answer

    return called


def _commit(leave: Callable[..., None], fate: Fate) -> Callable[..., None]:
    """Die before a commit, so that nothing of it stands, or right after it."""

    def left(self: Any, exc_type: Any, exc_value: Any, traceback: Any) -> None:
        try:
            if exc_type is None:
                fate.step()
        except Killed as killed:
            leave(self, Killed, killed, None)
            raise
        leave(self, exc_type, exc_value, traceback)
        if exc_type is None:
            fate.step()

    return left


def _counted(sealed: set[tuple[bytes, bytes]]) -> Callable[..., Any]:
    real = Cobblestone256Encryptor

    def made(key: bytes, context: bytes) -> Any:
        encryptor = real(key, context)
        header = encryptor.update(b"")
        assert (key, header[:24]) not in sealed, "no key and nonce twice"
        if context.startswith(b"callvault/v1"):
            assert not any(key == used for used, _ in sealed), "no data key twice"
        sealed.add((key, header[:24]))
        return _Begun(encryptor, header)

    return made


class _Begun:
    """An encryptor whose header was taken already."""

    def __init__(self, encryptor: Any, header: bytes) -> None:
        self._encryptor, self._header = encryptor, header

    def update(self, piece: Any) -> bytes:
        head, self._header = self._header, b""
        return head + bytes(self._encryptor.update(piece))

    def finalize(self) -> bytes:
        return bytes(self._encryptor.finalize())


def _ciphers(real: Callable[[bytes], Any], sealed: set[tuple[bytes, bytes]]) -> Callable[[bytes], Any]:
    class Counted:
        def __init__(self, key: bytes) -> None:
            self._key, self._cipher = key, real(key)

        def encrypt(self, nonce: bytes, *args: Any) -> Any:
            assert (self._key, nonce) not in sealed, "no key and nonce twice"
            sealed.add((self._key, nonce))
            return self._cipher.encrypt(nonce, *args)

        def decrypt(self, *args: Any) -> Any:
            return self._cipher.decrypt(*args)

    return Counted


def _forget() -> None:
    keys.forget_all_cached()
    masters.forget_all()
    books.forget()
    kms.forget_services()
