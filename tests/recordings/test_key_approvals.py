"""What two people do with keys: ending one early, taking a data key out; and the pages that lead there."""

from __future__ import annotations

import json
import subprocess
import sys
from uuid import uuid4

import pytest
from django.urls import reverse

from audit.actions import Action
from recordings import keks, key_work
from recordings.key_approvals import DATA_KEY_EXPORT, KEY_DESTROY
from recordings.models import KeyWork, KeyWorkKind
from retention import erasure, holds
from retention.models import Ground
from tests.people import client_of
from tests.recordings.calls import NOW, bring_in, wav
from tests.recordings.test_sweeps import Broken
from tests.trail import events
from vault import clock, kms, storage
from vault.access.models import User
from vault.approvals import asking, deciding
from vault.approvals.errors import NoLongerPossible
from vault.approvals.models import Approval, State
from vault.crypto.container import CopyKind
from vault.errors import Forbidden
from vault.kms import Duty, KeyDestroyed, KeyManagementUnavailable, masters
from vault.kms import keks as books
from vault.kms.models import Kek

UNUSED = "audio-2031-05"
REASON = "The court asked for this one call"


@pytest.fixture(autouse=True)
def _keyring_of_its_own(own_keyring) -> None:
    """Destroy keys that nobody else needs."""


@pytest.fixture
def copy(recording):
    return recording.renditions.get(kind=CopyKind.ORIGINAL)


def ask(actor, kind, target, now=NOW):
    return asking.ask(kind, str(target), reason=REASON, actor=actor, now=now)


def test_a_key_ends_early_when_a_second_person_approves(bram, katrien):
    books.ensure(UNUSED)
    asked = ask(bram, KEY_DESTROY, UNUSED)
    assert Kek.objects.get(pk=UNUSED).state == "active"

    deciding.approve(asked.pk, actor=katrien, now=NOW)
    assert keks.destroy_closed(actor=bram, now=NOW) == 1

    assert Kek.objects.get(pk=UNUSED).state == "destroyed"
    with pytest.raises(KeyDestroyed):
        kms.service(Duty.INGEST).wrap(UNUSED, bytes(32), b"")
    (event,) = events(Action.KEY_DESTRUCTION_BEGUN)
    entry = json.loads(bytes(event.entry))
    assert entry["facts"] == {"why": "two people", "approval": str(asked.pk)}
    assert entry["on_behalf_of"] == str(bram.id)


def test_nobody_asks_for_the_end_of_a_key_that_something_lives_on(recording, bram):
    with pytest.raises(keks.KeyLivesOn):
        ask(bram, KEY_DESTROY, f"audio-{recording.key_month}")
    with pytest.raises(keks.KeyIsNoMonths):
        ask(bram, KEY_DESTROY, "ledger")
    with pytest.raises(keks.NoSuchKey):
        ask(bram, KEY_DESTROY, "audio-1999-01")


def test_a_key_on_which_something_has_come_to_live_is_not_ended(north, exchange, bram, katrien):
    books.ensure("audio-2027-02")
    asked = ask(bram, KEY_DESTROY, "audio-2027-02")
    bring_in(exchange, audio=wav(0.2))

    with pytest.raises(NoLongerPossible):
        deciding.approve(asked.pk, actor=katrien, now=NOW)

    assert Kek.objects.get(pk="audio-2027-02").state == "active"
    assert Approval.objects.get().state == State.VOID


def test_a_data_key_taken_out_by_two_opens_the_object_without_us(copy, katrien, bram, tmp_path):
    asked = ask(katrien, DATA_KEY_EXPORT, copy.pk, clock.now())
    deciding.approve(asked.pk, actor=bram, now=clock.now())
    asker = client_of(User.objects.get(pk=katrien.id))

    answer = asker.post(reverse("approvals:carry-out", args=[asked.pk]))

    assert answer["Cache-Control"] == "no-store"
    key = tmp_path / "key.json"
    key.write_bytes(answer.content)
    sealed = tmp_path / "sealed"
    sealed.write_bytes(storage.store().read(copy.object_name, 0, copy.sealed_length))
    command = [sys.executable, "docs/guides/open_sealed.py", key, sealed, tmp_path / "call.wav"]
    subprocess.run(command, check=True)
    assert (tmp_path / "call.wav").read_bytes() == wav()
    (event,) = events(Action.DATA_KEY_EXPORTED)
    assert event.target_id == str(copy.recording_id)
    again = asker.post(reverse("approvals:carry-out", args=[asked.pk]))
    assert again.status_code == 409
    assert json.loads(key.read_text())["data_key"].encode() not in again.content


def test_a_data_key_is_taken_out_by_nobody_alone_and_by_no_other_role(copy, katrien, bram, ines):
    for actor in (bram, ines):
        with pytest.raises(Forbidden):
            ask(actor, DATA_KEY_EXPORT, copy.pk)
    asked = ask(katrien, DATA_KEY_EXPORT, copy.pk)
    with pytest.raises(Forbidden):
        deciding.approve(asked.pk, actor=katrien, now=NOW)
    assert not events(Action.DATA_KEY_EXPORTED)


def test_who_decides_on_a_data_key_is_told_that_the_recording_may_not_be_used(copy, katrien, bram):
    asked = ask(katrien, DATA_KEY_EXPORT, copy.pk)
    decides = client_of(User.objects.get(pk=bram.id))
    page = reverse("approvals:approval", args=[asked.pk])
    assert "is restricted" not in decides.get(page).content.decode()

    holds.restrict(copy.recording_id, reason="She objects", actor=katrien, now=NOW)

    assert "is restricted" in decides.get(page).content.decode()


def test_what_is_erased_meanwhile_is_not_taken_out_and_the_reason_is_forgotten(copy, katrien, bram):
    asked = ask(katrien, DATA_KEY_EXPORT, copy.pk)
    deciding.approve(asked.pk, actor=bram, now=NOW)
    erasure.erase_recording(copy.recording_id, ground=Ground.REQUEST, actor=katrien, now=NOW)

    with pytest.raises(NoLongerPossible):
        deciding.carry_out(asked.pk, actor=katrien, now=NOW)

    assert not events(Action.DATA_KEY_EXPORTED)
    assert not Approval.objects.get(pk=asked.pk).reason_sealed


def test_a_copy_that_is_not_there_is_not_asked_for(katrien):
    for target in (uuid4(), "no id", str(uuid4()).upper()):
        page = client_of(User.objects.get(pk=katrien.id)).get(
            reverse("approvals:ask", args=[DATA_KEY_EXPORT, target])
        )
        assert page.status_code == 404


def test_the_pages_show_keys_and_begin_a_new_version(recording, bram, katrien):
    name = f"audio-{recording.key_month}"
    administrator = client_of(User.objects.get(pk=bram.id))

    books.ensure("audio-2031-05", ahead=True)

    listed = administrator.get(reverse("keys:list")).content.decode()
    empty = administrator.get(reverse("keys:list"), {"empty": "yes"}).content.decode()
    page = administrator.get(reverse("keys:key", args=[name]))

    assert (name in listed, name in empty) == (True, False)
    assert ("audio-2031-05" in listed, "audio-2031-05" in empty) == (False, True)
    assert "nobody can destroy it" in page.content.decode()
    assert administrator.post(reverse("keys:renew", args=[name]), {"kind": "paper"}).status_code == 400
    begun = administrator.post(reverse("keys:renew", args=[name]), {"kind": "harden"}, follow=True)
    assert "0 of 1 keys are wrapped again" in begun.content.decode()
    assert 'hx-trigger="every 3s"' in begun.content.decode()
    assert "vendor/htmx" in begun.content.decode()
    key_work.carry_on(actor=bram, now=clock.now())
    assert KeyWork.objects.get().asked_by == bram.id
    hardened = administrator.get(reverse("keys:key", args=[name])).content.decode()
    assert "Hardened" in hardened
    assert "hx-trigger" not in hardened
    assert (
        "Backups of the key management service" not in hardened
    )  # the master of this keyring is ours to change
    dpo = client_of(User.objects.get(pk=katrien.id))
    assert dpo.get(reverse("keys:key", args=[name])).status_code == 200
    assert dpo.post(reverse("keys:renew", args=[name]), {"kind": "rotate"}).status_code == 403


def test_what_lives_on_each_key_is_counted_apart(north, exchange):
    masters.get("accounts", kek="accounts")
    for _ in range(2):
        bring_in(exchange, audio=wav(0.2))
    books.ensure(UNUSED)

    found = keks.lives_on_each(["audio-2027-02", "fields-2027-02", "fields-open", "accounts", UNUSED])

    assert found == {
        "audio-2027-02": keks.Lives(2, 0),
        "fields-2027-02": keks.Lives(2, 3),  # the fields' master, and those of two indexes
        "fields-open": keks.Lives(0, 1),  # by what a call is known
        "accounts": keks.Lives(0, 1),
        UNUSED: keks.Lives(0, 0),
    }


def test_the_list_of_keys_asks_no_more_for_more_keys(recording, bram, django_assert_max_num_queries):
    administrator = client_of(User.objects.get(pk=bram.id))
    administrator.get(reverse("keys:list"))
    for number in range(30):
        books.ensure(f"audio-2040-{number:02}")

    with django_assert_max_num_queries(12):
        page = administrator.get(reverse("keys:list") + "?empty=yes")

    assert "audio-2040-29" in page.content.decode()


def test_the_pages_say_what_stands_still_and_go_on(recording, bram):
    name = f"audio-{recording.key_month}"
    key_work.begin(name, KeyWorkKind.HARDEN, actor=bram, now=NOW)
    KeyWork.objects.update(stuck_at=NOW, refused=1)
    administrator = client_of(User.objects.get(pk=bram.id))

    page = administrator.get(reverse("keys:key", args=[name])).content.decode()
    assert "cannot be wrapped again" in page
    administrator.post(reverse("keys:retry", args=[name]))

    assert KeyWork.objects.get().stuck_at is None


def test_the_pages_say_that_the_service_does_not_answer(recording, bram, monkeypatch):
    administrator = client_of(User.objects.get(pk=bram.id))
    broken = Broken(kms.service(Duty.ROTATION), "describe", KeyManagementUnavailable())
    monkeypatch.setattr(kms, "service", lambda duty: broken)
    monkeypatch.setattr("vault.kms.masters.service", lambda duty: broken)

    for address in (reverse("keys:list"), reverse("keys:key", args=[f"audio-{recording.key_month}"])):
        assert "does not answer" in administrator.get(address).content.decode()
