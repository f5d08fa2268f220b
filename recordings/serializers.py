"""How calls, bases and grants are written in the API. Nothing personal but masked numbers."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from recordings.models import Basis, BasisStatus, LawfulBasis, Purpose
from recordings.search import CallFilters, Standing


class AnnouncementOut(serializers.Serializer[Any]):
    """Where the audio of an announced call is to be sent."""

    id = serializers.UUIDField()
    audio_url = serializers.CharField()
    expires_at = serializers.DateTimeField(allow_null=True, help_text="Until when; null: it is here already.")
    is_received = serializers.BooleanField()
    dropped = serializers.IntegerField(help_text="Keys of the description that are not known and not kept.")


class CallOut(serializers.Serializer[Any]):
    """One call, or its tombstone."""

    id = serializers.UUIDField(source="recording.pk")
    state = serializers.CharField(source="recording.state", help_text="active, quarantined or erased")
    started_at = serializers.DateTimeField(source="recording.started_at")
    ended_at = serializers.DateTimeField(source="recording.ended_at", allow_null=True)
    duration_ms = serializers.IntegerField(source="recording.duration_ms", allow_null=True)
    direction = serializers.CharField(source="recording.direction")
    number = serializers.CharField(help_text="The other side's, masked.")
    team = serializers.UUIDField(source="recording.team_id", allow_null=True)
    agent = serializers.UUIDField(source="recording.agent_id", allow_null=True)
    queue = serializers.CharField(source="recording.queue")
    category = serializers.CharField(source="recording.category")
    language = serializers.CharField(source="recording.language")
    basis = serializers.CharField(source="recording.basis")
    basis_status = serializers.CharField(source="recording.basis_status")
    quarantined_because = serializers.CharField(source="recording.quarantined_because")
    ingested_at = serializers.DateTimeField(source="recording.ingested_at")
    expires_at = serializers.DateTimeField(source="recording.expires_at", allow_null=True)
    keep_until_at_least = serializers.DateTimeField(source="recording.keep_until_at_least", allow_null=True)
    policy = serializers.CharField(source="recording.policy_name")
    policy_id = serializers.UUIDField(source="recording.policy_id", allow_null=True)
    policy_version = serializers.IntegerField(source="recording.policy_version", allow_null=True)
    in_conflict = serializers.BooleanField(source="recording.in_conflict")
    is_held = serializers.BooleanField(source="recording.is_held")
    is_restricted = serializers.BooleanField(source="recording.is_restricted")
    is_frozen = serializers.BooleanField(source="recording.is_frozen")
    erased_at = serializers.DateTimeField(source="recording.erased_at", allow_null=True)


class CallPageOut(serializers.Serializer[Any]):
    """A page of calls, newest first; the cursors lead to its neighbours."""

    results = CallOut(many=True, source="rows")
    older = serializers.CharField(allow_null=True, help_text="Give it as `after`.")
    newer = serializers.CharField(allow_null=True, help_text="Give it as `before`.")


class FiltersIn(serializers.Serializer[Any]):
    """What to keep of the list, and which page of it."""

    team = serializers.UUIDField(required=False)
    agent = serializers.UUIDField(required=False)
    queue = serializers.CharField(required=False, max_length=80)
    started_from = serializers.DateTimeField(required=False)
    started_before = serializers.DateTimeField(required=False)
    direction = serializers.ChoiceField(required=False, choices=["in", "out", "internal"])
    shortest_s = serializers.IntegerField(required=False, min_value=0, max_value=10**6)
    longest_s = serializers.IntegerField(required=False, min_value=0, max_value=10**6)
    category = serializers.CharField(required=False, max_length=80)
    basis = serializers.ChoiceField(required=False, choices=Basis.choices)
    basis_status = serializers.ChoiceField(required=False, choices=[*BasisStatus.values, "none"])
    state = serializers.ChoiceField(required=False, choices=Standing.values)
    after = serializers.CharField(required=False, max_length=400)
    before = serializers.CharField(required=False, max_length=400)
    limit = serializers.IntegerField(required=False, min_value=1, max_value=200, default=50)

    def filters(self) -> CallFilters:
        """Return the filters alone."""
        names = CallFilters.__dataclass_fields__.keys() & self.validated_data.keys()
        return CallFilters(**{name: self.validated_data[name] for name in names})

    def cursor(self) -> str | None:
        """Return the cursor of whichever side was asked for."""
        cursor: str | None = self.validated_data.get("after") or self.validated_data.get("before")
        return cursor


class SearchIn(FiltersIn):
    """A number or a customer's reference, in the body so that it stands in no address and no log."""

    number = serializers.CharField(required=False, max_length=120)
    reference = serializers.CharField(required=False, max_length=120)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Ask for exactly one of the two."""
        if ("number" in attrs) == ("reference" in attrs):
            raise serializers.ValidationError("Give a number or a reference.")
        return attrs


class LawfulBasisIn(serializers.Serializer[Any]):
    """One entry to add to a recording's history of lawful bases."""

    party = serializers.IntegerField(min_value=0, max_value=32_767, help_text="Its position on the call.")
    purpose = serializers.CharField(max_length=40)
    basis = serializers.ChoiceField(choices=Basis.choices)
    status = serializers.ChoiceField(choices=BasisStatus.values)
    at = serializers.DateTimeField(required=False, help_text="When it was said; now if missing.")
    method = serializers.CharField(required=False, max_length=40, default="")
    audio_offset_ms = serializers.IntegerField(
        required=False, allow_null=True, default=None, min_value=0, max_value=2**53 - 1
    )
    evidence_ref = serializers.CharField(required=False, max_length=200, default="")
    notice_version = serializers.CharField(required=False, max_length=40, default="")
    language = serializers.CharField(required=False, max_length=8, default="")


class LawfulBasisOut(serializers.ModelSerializer[LawfulBasis]):
    """One entry of the history."""

    party = serializers.IntegerField(source="party.position")
    purpose = serializers.CharField(source="purpose.code")

    class Meta:
        model = LawfulBasis
        fields = (
            *("id", "number", "party", "purpose", "basis", "status", "at", "method", "audio_offset_ms"),
            *("notice_version", "language", "recorded_at", "recorded_by"),
        )


class LawfulBasesOut(serializers.Serializer[Any]):
    """The whole history, oldest first."""

    results = LawfulBasisOut(many=True)


class PurposeOut(serializers.ModelSerializer[Purpose]):
    """A purpose on the customer's list."""

    class Meta:
        model = Purpose
        fields = ("code", "name", "for_listening")


class PurposesOut(serializers.Serializer[Any]):
    """The customer's list of purposes."""

    results = PurposeOut(many=True)


class GrantIn(serializers.Serializer[Any]):
    """Why somebody wants to listen."""

    purpose = serializers.CharField(max_length=40)
    reason = serializers.CharField(max_length=500, help_text="In words another person would understand.")


class GrantOut(serializers.Serializer[Any]):
    """A permission to listen, for this session alone."""

    id = serializers.UUIDField(source="grant_id")
    token = serializers.CharField()
    audio_url = serializers.CharField()
    waveform_url = serializers.CharField()
    expires_at = serializers.DateTimeField()
    media_type = serializers.CharField()
    duration_ms = serializers.IntegerField()
    channels = serializers.IntegerField()


class StandingOut(serializers.Serializer[Any]):
    """A permission that still holds."""

    id = serializers.UUIDField(source="grant_id")
    recording = serializers.UUIDField(source="recording_id")
    purpose = serializers.CharField(source="grant.purpose.code")
    expires_at = serializers.DateTimeField()
