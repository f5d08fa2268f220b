"""How policies, holds and erasures are written in the API. No reasons and no names: ids, kinds and moments."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from recordings.models import Basis
from retention.erasure import GROUNDS_TO_ORDER
from retention.models import Erasure, ErasureState, Ground, Hold, HoldKind, RetentionPolicy, Unit
from retention.periods import Period
from retention.policies import Terms

UNITS = [unit.value for unit in Unit]


class PeriodField(serializers.Serializer[Any]):
    """A count of one unit."""

    count = serializers.IntegerField(min_value=1)
    unit = serializers.ChoiceField(choices=UNITS, help_text="Seconds are for trials only.")


class PolicyIn(serializers.Serializer[Any]):
    """The terms of a policy; `policy` makes a new version of that one."""

    policy = serializers.UUIDField(required=False, help_text="The policy this is a new version of.")
    name = serializers.CharField(max_length=120)
    lawful_basis = serializers.ChoiceField(choices=Basis.choices)
    justification = serializers.CharField(max_length=2000)
    keep_at_most = PeriodField()
    keep_at_least = PeriodField(required=False, allow_null=True)
    team = serializers.UUIDField(required=False, allow_null=True)
    queue = serializers.CharField(required=False, allow_blank=True, max_length=80, default="")
    category = serializers.CharField(required=False, allow_blank=True, max_length=80, default="")
    basis = serializers.ChoiceField(choices=Basis.choices, required=False, allow_blank=True, default="")

    def terms(self) -> Terms:
        """Return what was sent."""
        asked = self.validated_data
        at_least = asked.get("keep_at_least")
        return Terms(
            name=asked["name"],
            lawful_basis=asked["lawful_basis"],
            justification=asked["justification"],
            keep_at_most=Period(**asked["keep_at_most"]),
            keep_at_least=Period(**at_least) if at_least else None,
            team_id=asked.get("team"),
            queue=asked["queue"],
            category=asked["category"],
            basis=asked["basis"],
        )


class PolicyOut(serializers.ModelSerializer[RetentionPolicy]):
    """One version of a policy."""

    id = serializers.UUIDField(source="policy_id")
    keep_at_most = serializers.SerializerMethodField()
    keep_at_least = serializers.SerializerMethodField()
    team = serializers.UUIDField(source="team_id", allow_null=True)
    is_in_force = serializers.BooleanField()

    class Meta:
        model = RetentionPolicy
        fields = (
            "id",
            "version",
            "name",
            "lawful_basis",
            "justification",
            "keep_at_most",
            "keep_at_least",
            "counts_from",
            "team",
            "queue",
            "category",
            "basis",
            "author",
            "created_at",
            "approved_by",
            "approved_at",
            "retired_by",
            "retired_at",
            "is_in_force",
        )

    def get_keep_at_most(self, version: RetentionPolicy) -> dict[str, int | str]:
        """Return the ceiling."""
        return {"count": version.keep_at_most_count, "unit": version.keep_at_most_unit}

    def get_keep_at_least(self, version: RetentionPolicy) -> dict[str, int | str] | None:
        """Return the floor, if there is one."""
        if version.keep_at_least_count is None:
            return None
        return {"count": version.keep_at_least_count, "unit": version.keep_at_least_unit}


class PoliciesOut(serializers.Serializer[Any]):
    """Versions of policies."""

    results = PolicyOut(many=True)


class HoldIn(serializers.Serializer[Any]):
    """A legal hold on one recording."""

    recording = serializers.UUIDField()
    reason = serializers.CharField(max_length=1000, help_text="Kept sealed with the recording.")
    case = serializers.CharField(required=False, allow_blank=True, max_length=40, default="")
    review_on = serializers.DateField(required=False, allow_null=True, default=None)


class ReasonIn(serializers.Serializer[Any]):
    """Why, in words; kept sealed with the recording."""

    reason = serializers.CharField(max_length=1000)


class HoldOut(serializers.ModelSerializer[Hold]):
    """A hold, without its reason."""

    recording = serializers.UUIDField(source="recording_id")
    kind = serializers.ChoiceField(choices=[kind.value for kind in HoldKind])

    class Meta:
        model = Hold
        fields = (
            "id",
            "recording",
            "kind",
            "case",
            "owner",
            "review_on",
            "placed_at",
            "placed_by",
            "released_at",
            "released_by",
        )


class HoldPageOut(serializers.Serializer[Any]):
    """A page of holds, newest first; the cursors lead to its neighbours."""

    results = HoldOut(many=True, source="rows")
    older = serializers.CharField(help_text="Give it as `after`; empty: no more.")
    newer = serializers.CharField(help_text="Give it as `before`; empty: no more.")


class ErasureIn(serializers.Serializer[Any]):
    """Why a recording is erased now."""

    ground = serializers.ChoiceField(choices=[ground.value for ground in GROUNDS_TO_ORDER])


class ErasureOut(serializers.ModelSerializer[Erasure]):
    """How far an erasure has come."""

    recording = serializers.UUIDField(source="recording_id")
    state = serializers.ChoiceField(choices=[state.value for state in ErasureState])
    ground = serializers.ChoiceField(choices=[ground.value for ground in Ground])
    unreadable_since = serializers.DateTimeField(source="key_destroyed_at", allow_null=True)

    class Meta:
        model = Erasure
        fields = (
            "id",
            "recording",
            "state",
            "ground",
            "due_at",
            "policy_id",
            "policy_version",
            "ordered_by",
            "unreadable_since",
            "objects_deleted_at",
            "verified_at",
            "certified_at",
            "beyond_recovery_on",
        )
