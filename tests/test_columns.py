"""Every column of the vault is sorted: personal in clear, personal and sealed, or not personal.

A new column fails here until somebody has decided which it is. Ids are pseudonyms; hashes are keyed or of secrets.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.apps import apps
from django.db import models

OURS = {"access", "approvals", "audit", "jobs", "kms", "recordings", "residency", "retention"}


@dataclass(frozen=True)
class Sorted:
    """A model's columns, by what they hold."""

    clear: str = ""
    sealed: str = ""
    none: str = ""


SORTED: dict[str, Sorted] = {
    "access.Invitation": Sorted(
        none="user_id secret_hash created_at expires_at",
    ),
    "access.Membership": Sorted(
        none="id user_id team_id since",
    ),
    "access.ServiceToken": Sorted(
        none=("id name secret_hash hint scopes created_by_id created_at expires_at revoked_at last_used_at"),
    ),
    "access.SignIn": Sorted(
        clear="device",
        none="id user_id second_factor started_at seen_at ended_at ended_because",
    ),
    "access.Team": Sorted(
        none="id name created_at",
    ),
    "access.User": Sorted(
        clear="email name language",
        none="password last_login id role is_active invited_at disabled_at forgotten_at",
    ),
    "approvals.Approval": Sorted(
        sealed="reason_sealed words_sealed",
        none=(
            "id kind target_id parameters asked_by_id asked_at expires_at state decided_by_id decided_at "
            "ended_at void_because"
        ),
    ),
    "audit.Addendum": Sorted(
        sealed="sealed",
        none="digest recorded_at event_id key_id",
    ),
    "audit.Anchor": Sorted(
        none="id size kind place evidence anchored_at",
    ),
    "audit.AnchorPlace": Sorted(
        none="id kind name origin size tried_at worked_at failing_since why",
    ),
    "audit.AuditEvent": Sorted(
        none=(
            "id recorded_at occurred_at action outcome actor_kind actor_id actor_role target_kind "
            "target_id purpose writer counter entry"
        ),
    ),
    "audit.Checkpoint": Sorted(
        none="size root note signed_at cluster tx number number_signature",
    ),
    "audit.Export": Sorted(
        none=(
            "id asked_by asked_at request_event format language filters with_personal state lease_until "
            "attempts done total tree_size ready_at expires_at fetched_at error object_name "
            "object_version data_key_id wrapped_key header sealed_bytes plain_bytes sha256"
        ),
    ),
    "audit.Check": Sorted(
        none="id asked_by asked_at state lease_until attempts done total findings finished_at error",
    ),
    "audit.KnownSetting": Sorted(
        none="id process name value since",
    ),
    "audit.Lookup": Sorted(
        none="id value event_id key_id",
    ),
    "audit.RemovedMonth": Sorted(
        none="month first last events event_id removed_at",
    ),
    "audit.Leaf": Sorted(
        none="index event_id recorded_at hash",
    ),
    "audit.SubjectKey": Sorted(
        none="id subject_kind subject_id month wrapped_key created_at",
    ),
    "audit.Tile": Sorted(
        none="id level number hashes root",
    ),
    "jobs.Heartbeat": Sorted(
        none="job started_at finished_at failed_at error done",
    ),
    "kms.Kek": Sorted(
        none=(
            "name state oldest_version made_at made_ahead is_recorded rotated_at hardened_at closed_at "
            "destroyed_at"
        ),
    ),
    "kms.Master": Sorted(
        none="id name kek kek_version wrapped created_at",
    ),
    "recordings.Details": Sorted(
        sealed="source_sealed reference_sealed extra_sealed",
        none="recording_id reference_index",
    ),
    "recordings.GrantWindow": Sorted(
        none="id grant_id from_ms to_ms sent under_way opened_at",
    ),
    "recordings.Intake": Sorted(
        sealed="metadata_sealed",
        none="id source_digest key_month brought_by announced_at expires_at",
    ),
    "recordings.LawfulBasis": Sorted(
        sealed="evidence_sealed",
        none=(
            "id recording_id party_id purpose_id basis status method at audio_offset_ms "
            "notice_version language number recorded_at recorded_by"
        ),
    ),
    "recordings.Party": Sorted(
        sealed="number_sealed name_sealed ref_sealed",
        none="id recording_id position role channel number_index",
    ),
    "recordings.KeyWork": Sorted(
        none=(
            "id kek kind asked_by asked_at version after_version after total rewrapped refused moved_at trim_at finished_at stuck_at"
        ),
    ),
    "recordings.PendingObject": Sorted(
        none="object_name recording_id kind lease_until is_condemned",
    ),
    "recordings.PlaybackGrant": Sorted(
        none=(
            "id recording_id account_id session purpose_id granted_at expires_at last_sent_at "
            "ended_at ended_because"
        ),
    ),
    "recordings.Purpose": Sorted(
        none="id code name for_listening covered_by_id position is_active",
    ),
    "recordings.Recording": Sorted(
        none=(
            "id state started_at ended_at duration_ms direction team_id agent_id queue category "
            "language brought_by ingested_at basis basis_status quarantined_because expires_at "
            "keep_until_at_least policy_id policy_version policy_name in_conflict key_month "
            "planned_month is_held is_restricted is_frozen erased_at derive_at"
        ),
    ),
    "recordings.Rendition": Sorted(
        none=(
            "id recording_id kind key_id object_name object_version container_version header "
            "sealed_length sealed_sha256 plain_length media_type facts created_at"
        ),
    ),
    "recordings.SourceIdentity": Sorted(
        none="digest recording_id plain_sha256_keyed",
    ),
    "recordings.StoredKey": Sorted(
        none="id recording_id kind kek kek_version wrapped created_at",
    ),
    "residency.Violation": Sorted(
        none="id what region endpoint because began_at ended_at",
    ),
    "retention.ClockDoubt": Sorted(
        none="id because off_by_s began_at ended_at ended_by",
    ),
    "retention.ClockMark": Sorted(
        none="boot_id first_at first_monotonic_s last_at",
    ),
    "retention.Erasure": Sorted(
        none=(
            "id recording_id state ground due_at policy_id policy_version policy_name ordered_by "
            "noticed_at lease_until fence tries next_try_at last_error blocked_until key_destroyed_at "
            "objects_deleted_at verified_at certified_at beyond_recovery_on copies keys_destroyed "
            "erased_event certified_event ledger_entry_id"
        ),
    ),
    "retention.Hold": Sorted(
        sealed="reason_sealed release_reason_sealed",
        none="id recording_id kind case owner review_on placed_at placed_by released_at released_by",
    ),
    "retention.LedgerEntry": Sorted(
        none="id kind body made_at batch written_at",
    ),
    "retention.Rescheduling": Sorted(
        none="id asked_at asked_by after looked_at changed finished_at",
    ),
    "retention.RetentionPolicy": Sorted(
        none=(
            "id policy_id version name lawful_basis justification keep_at_least_count "
            "keep_at_least_unit keep_at_most_count keep_at_most_unit counts_from team_id queue "
            "category basis author created_at approved_by approved_at retired_by retired_at"
        ),
    ),
}


def our_models() -> dict[str, type[models.Model]]:
    return {model._meta.label: model for model in apps.get_models() if model._meta.app_label in OURS}


def test_every_column_is_sorted_exactly_once():
    found = {
        label: sorted(field.attname for field in model._meta.concrete_fields)
        for label, model in our_models().items()
    }

    assert found == {
        label: sorted(f"{kinds.clear} {kinds.sealed} {kinds.none}".split()) for label, kinds in SORTED.items()
    }


def test_only_accounts_and_their_sessions_hold_personal_data_in_clear():
    assert {label for label, kinds in SORTED.items() if kinds.clear} == {"access.User", "access.SignIn"}


def test_what_is_sealed_is_bytes():
    for label, kinds in SORTED.items():
        for name in kinds.sealed.split():
            field = our_models()[label]._meta.get_field(name)
            assert isinstance(field, models.BinaryField), f"{label}.{name}"


def test_a_model_with_personal_data_says_so():
    for label, kinds in SORTED.items():
        if kinds.clear or kinds.sealed:
            assert "ersonal data" in (our_models()[label].__doc__ or ""), label
