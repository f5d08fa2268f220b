"""How requests are written in the API. Lists hold ids, kinds and moments; the reason stands with the one."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from vault.approvals.models import Approval, State


class ApprovalIn(serializers.Serializer[Any]):
    """What is asked for: a kind, what it is about, and why."""

    kind = serializers.CharField(max_length=40, help_text="Such as hold.release or account.role.")
    target = serializers.CharField(max_length=80, help_text="Id of what it is about, as its kind names it.")
    parameters = serializers.DictField(
        child=serializers.CharField(max_length=80), required=False, default=dict
    )
    reason = serializers.CharField(max_length=1000, help_text="Kept sealed; whoever decides reads it.")


class DecisionIn(serializers.Serializer[Any]):
    """Yes or no, and why."""

    approve = serializers.BooleanField()
    words = serializers.CharField(
        max_length=1000, required=False, allow_blank=True, default="", help_text="Needed to refuse."
    )


class ApprovalOut(serializers.ModelSerializer[Approval]):
    """A request, without its reason."""

    target = serializers.CharField(source="target_id")
    parameters = serializers.DictField(child=serializers.CharField())
    asked_by = serializers.UUIDField(source="asked_by_id")
    state = serializers.ChoiceField(choices=State.choices)
    decided_by = serializers.UUIDField(source="decided_by_id", allow_null=True)

    class Meta:
        model = Approval
        fields = (
            "id",
            "kind",
            "target",
            "parameters",
            "asked_by",
            "asked_at",
            "expires_at",
            "state",
            "decided_by",
            "decided_at",
            "ended_at",
            "void_because",
        )


class ApprovalWithReasonOut(ApprovalOut):
    """A request with its reason, and the words of who decided; empty once they were forgotten."""

    reason = serializers.CharField()
    words = serializers.CharField()

    class Meta(ApprovalOut.Meta):
        fields = (*ApprovalOut.Meta.fields, "reason", "words")  # type: ignore[assignment]


class ApprovalPageOut(serializers.Serializer[Any]):
    """A page of requests, newest first; the cursors lead to its neighbours."""

    results = ApprovalOut(many=True, source="rows")
    older = serializers.CharField(help_text="Give it as `after`; empty: no more.")
    newer = serializers.CharField(help_text="Give it as `before`; empty: no more.")
