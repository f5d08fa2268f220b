"""The end of a recording: what goes, what stays, what is written down."""

from __future__ import annotations

import boto3
import pytest
from django.conf import settings

from recordings import fields, ingest, keys, sidecar
from recordings.errors import AlreadyErased, NoSuchRecording, UnderLegalHold
from recordings.models import Details, LawfulBasis, Party, Recording, Rendition, SourceIdentity, StoredKey
from retention import claims, erasure, holds, ledger, policies, rescheduling, sweep
from retention.errors import MustBeKept, NoSuchErasure
from retention.models import Erasure, ErasureState, Ground, LedgerEntry
from retention.periods import Period
from tests.recordings import calls
from tests.recordings.conftest import person
from tests.retention.conftest import LONG_AGO, NOW, SWEEPER, due_call, make_policy, run_sweep, terms
from tests.trail import events
from vault.access.models import Team
from vault.access.roles import Role


def test_a_due_recording_goes_from_key_to_certificate_in_one_sweep(due):
    swept = run_sweep()

    row = Erasure.objects.get(recording=due)
    assert (swept.noticed, swept.destroyed, swept.deleted, swept.verified, swept.certified) == (1, 1, 1, 1, 1)
    assert row.state == ErasureState.CERTIFIED
    assert row.ground == "expired"
    assert row.due_at == due.expires_at
    assert [
        event.action for event in events() if event.action.startswith(("recording.erased", "erasure."))
    ] == [
        "recording.erased",
        "erasure.objects_deleted",
        "erasure.verified",
        "erasure.certified",
    ]


def test_only_the_tombstone_is_left(due):
    run_sweep()

    tombstone = Recording.objects.get(pk=due.pk)
    assert tombstone.is_erased
    assert (tombstone.agent, tombstone.queue, tombstone.category) == (None, "", "")
    for model in (Details, Party, LawfulBasis, Rendition):
        assert not model.objects.filter(recording=due).exists()
    assert not StoredKey.objects.filter(recording_id=due.pk).exists()
    assert SourceIdentity.objects.filter(recording_id=due.pk).exists()
    with pytest.raises(keys.KeyGone):
        fields.key_of(due.pk)


def test_nothing_is_left_in_the_bucket_in_any_version(due, bucket):
    run_sweep()

    client = boto3.client(
        "s3",
        endpoint_url=settings.S3_ENDPOINT_URL,
        region_name=settings.S3_REGION,
        aws_access_key_id=settings.S3_ACCESS_KEY,
        aws_secret_access_key=settings.S3_SECRET_KEY,
    )
    listed = client.list_object_versions(Bucket=bucket, Prefix="objects/")
    client.close()
    assert not listed.get("Versions")
    assert not listed.get("DeleteMarkers")


def test_a_recording_that_is_not_due_stays_as_it_is(kept):
    swept = run_sweep()

    assert (swept.noticed, swept.destroyed) == (0, 0)
    assert not Recording.objects.get(pk=kept.pk).is_erased
    assert not Erasure.objects.exists()


def test_an_erasure_noticed_before_its_end_was_moved_does_not_happen(due, katrien, a_week):
    claims.notice_due()
    policies.change_policy(a_week.policy_id, terms(keep_at_most=Period(50, "years")), actor=katrien, now=NOW)
    rescheduling.reschedule(actor=SWEEPER, now=NOW)

    swept = run_sweep()

    assert swept.destroyed == 0
    assert not Recording.objects.get(pk=due.pk).is_erased
    assert not Erasure.objects.exists()


def test_the_proof_names_the_version_that_decides_when_the_key_goes(due, katrien, a_week):
    claims.notice_due()
    policies.change_policy(a_week.policy_id, terms(keep_at_most=Period(2, "weeks")), actor=katrien, now=NOW)
    rescheduling.reschedule(actor=SWEEPER, now=NOW)

    run_sweep()

    row = Erasure.objects.get()
    assert row.policy_version == 2
    assert row.due_at == Recording.objects.get(pk=due.pk).expires_at


def test_a_run_that_is_out_of_time_leaves_the_rest_to_the_next(due, monkeypatch):
    monkeypatch.setattr(sweep, "BUDGET_S", -1.0)
    assert run_sweep().destroyed == 0

    monkeypatch.undo()

    assert run_sweep().certified == 1


def test_an_erased_call_that_is_sent_again_is_refused(north, exchange, a_week):
    said = calls.document("rec-1", call=LONG_AGO)
    calls.bring_in(exchange, said=said)
    run_sweep()

    with pytest.raises(AlreadyErased):
        ingest.announce(sidecar.parse(said), actor=exchange, now=NOW)


def test_the_dpo_erases_at_once_and_the_sweep_finishes(kept, katrien):
    row = erasure.erase_recording(kept.pk, ground=Ground.REQUEST, actor=katrien, now=NOW)

    assert row.state == ErasureState.KEY_DESTROYED
    assert Recording.objects.get(pk=kept.pk).is_erased
    with pytest.raises(AlreadyErased):
        erasure.erase_recording(kept.pk, ground=Ground.REQUEST, actor=katrien, now=NOW)
    assert run_sweep().certified == 1
    row.refresh_from_db()
    assert (row.ground, row.ordered_by) == ("request", katrien.id)


def test_the_dpo_may_not_erase_what_a_duty_still_keeps(north, exchange, katrien):
    make_policy(katrien, keep_at_least=Period(40, "years"), keep_at_most=Period(50, "years"))
    recording = calls.bring_in(exchange)

    with pytest.raises(MustBeKept):
        erasure.erase_recording(recording.pk, ground=Ground.REQUEST, actor=katrien, now=NOW)

    assert StoredKey.objects.filter(recording_id=recording.pk).exists()


def test_what_is_out_of_reach_cannot_be_erased(kept, exchange):
    stranger = person("sander@example.org", Role.SUPERVISOR, Team.objects.create(name="South"))

    with pytest.raises(NoSuchRecording):
        erasure.erase_recording(kept.pk, ground=Ground.REQUEST, actor=stranger, now=NOW)


def test_a_recording_that_is_not_being_erased_has_no_erasure(kept, katrien):
    with pytest.raises(NoSuchErasure):
        erasure.require_erasure(kept.pk, actor=katrien)


def test_a_legal_hold_forbids_the_dpos_erasure_and_leaves_everything_as_it_was(kept, katrien):
    holds.place_hold(kept.pk, reason="Dispute about the meter.", actor=katrien, now=NOW)

    with pytest.raises(UnderLegalHold):
        erasure.erase_recording(kept.pk, ground=Ground.REQUEST, actor=katrien, now=NOW)

    assert StoredKey.objects.filter(recording_id=kept.pk).exists()
    assert not events("recording.erased")
    assert not Erasure.objects.exists()


def test_certification_waits_until_the_ledger_holds_the_erasure(due, monkeypatch):
    monkeypatch.setattr(ledger, "flush", lambda *, now: 0)

    swept = run_sweep()

    assert (swept.verified, swept.certified) == (1, 0)
    monkeypatch.undo()
    assert run_sweep().certified == 1
    entry = LedgerEntry.objects.get()
    assert entry.written_at
    assert ledger.read_batch(entry.batch or 0) is not None


def test_the_days_cap_stops_the_schedule(north, exchange, a_week, settings):
    for _ in range(3):
        due_call(exchange)
    settings.ERASURES_PER_DAY = 2

    swept = run_sweep(batch=1)

    assert swept.destroyed == 2
    assert Erasure.objects.filter(state=ErasureState.DUE).count() == 1
