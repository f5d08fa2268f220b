"""The history of lawful bases: added to, never changed, and drawn the consequences of at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from audit.actions import Action
from recordings import lawful_bases
from recordings.basis_rules import Verdict
from recordings.errors import (
    AlreadyErased,
    NoSuchParty,
    NoSuchRecording,
    SaidInTheFuture,
    UnknownPurpose,
)
from recordings.lawful_bases import NewBasis
from recordings.models import LawfulBasis, Recording, State
from recordings.tombstones import bury
from tests.recordings.calls import NOW, bring_in, document
from tests.trail import events


def said(status: str, *, purpose="quality", basis="consent", party=1, at=NOW, **more) -> NewBasis:
    return NewBasis(party=party, purpose=purpose, basis=basis, status=status, at=at, **more)


def test_a_withdrawal_is_an_entry_more_and_takes_effect_at_once(recording, katrien):
    lawful_bases.record_basis(recording.pk, said("withdrawn"), actor=katrien, now=NOW)
    recording.refresh_from_db()
    assert recording.basis_status == "granted"  # the complaint is still covered
    lawful_bases.record_basis(recording.pk, said("withdrawn", purpose="complaint"), actor=katrien, now=NOW)

    recording.refresh_from_db()
    assert (recording.basis_status, recording.state) == ("withdrawn", State.ACTIVE)
    assert LawfulBasis.objects.filter(recording=recording).count() == 4
    assert list(recording.lawful_bases.order_by("number").values_list("number", flat=True)) == [0, 1, 2, 3]
    assert len(events(Action.BASIS_RECORDED)) == 2


def test_a_lawful_basis_releases_from_quarantine(north, exchange, katrien):
    recording = bring_in(exchange, said=document(lawful_bases=[]))

    lawful_bases.record_basis(recording.pk, said("granted", basis="legal_obligation"), actor=katrien, now=NOW)

    recording.refresh_from_db()
    assert (recording.state, recording.quarantined_because) == (State.ACTIVE, "")
    assert recording.basis == "legal_obligation"
    assert recording.derive_at == NOW
    assert recording.expires_at == recording.ended_at + timedelta(weeks=12)
    assert [event.action for event in events()][-3:] == [
        Action.RECORDING_RELEASED_FROM_QUARANTINE,
        Action.RECORDING_EXPIRY_SET,
        Action.BASIS_RECORDED,
    ]


def test_a_further_no_leaves_it_in_quarantine_and_says_why(north, exchange, katrien):
    recording = bring_in(exchange, said=document(lawful_bases=[]))

    lawful_bases.record_basis(recording.pk, said("refused"), actor=katrien, now=NOW)

    recording.refresh_from_db()
    assert (recording.state, recording.quarantined_because) == (State.QUARANTINED, "consent-refused")


def test_a_form_that_arrives_late_does_not_outweigh_what_was_said_after_it(recording, katrien):
    lawful_bases.record_basis(recording.pk, said("withdrawn"), actor=katrien, now=NOW)
    late = said("granted", at=NOW - timedelta(days=3))

    lawful_bases.record_basis(recording.pk, late, actor=katrien, now=NOW + timedelta(days=1))

    assert lawful_bases.state_of(recording).of("quality").verdict is Verdict.WITHDRAWN


def test_what_cannot_be_is_refused_and_changes_nothing(recording, katrien, sander):
    for entry, refusal in [
        (said("granted", purpose="marketing"), UnknownPurpose),
        (said("granted", party=9), NoSuchParty),
        (said("granted", at=NOW + timedelta(days=1)), SaidInTheFuture),
    ]:
        with pytest.raises(refusal):
            lawful_bases.record_basis(recording.pk, entry, actor=katrien, now=NOW)
    with pytest.raises(NoSuchRecording):
        lawful_bases.record_basis(recording.pk, said("granted"), actor=sander, now=NOW)

    assert LawfulBasis.objects.count() == 2
    bury(recording, now=NOW)
    with pytest.raises(AlreadyErased):
        lawful_bases.record_basis(recording.pk, said("granted"), actor=katrien, now=NOW)


def test_no_entry_is_ever_changed(recording):
    with pytest.raises(DatabaseError), transaction.atomic():
        LawfulBasis.objects.update(status="granted")
    with connection.cursor() as cursor, pytest.raises(DatabaseError), transaction.atomic():
        cursor.execute("UPDATE recordings_lawfulbasis SET status = 'granted'")

    assert Recording.objects.count() == 1


def test_the_evidence_is_sealed(north, exchange, katrien):
    recording = bring_in(exchange)

    entry = lawful_bases.record_basis(
        recording.pk, said("granted", evidence_ref="letter of Mr Ashby"), actor=katrien, now=NOW
    )

    assert b"Ashby" not in bytes(entry.evidence_sealed)
