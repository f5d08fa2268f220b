"""The API's door to retention: erasures with their proofs, holds, restrictions, freezes, policies."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from audit.actor import Actor
from recordings.models import Recording
from retention import disclosures, erasure, holds, policies, proof
from retention.hold_release import HOLD_RELEASE
from retention.models import Ground, Hold, HoldKind, RetentionPolicy
from retention.serializers import (
    ErasureIn,
    ErasureOut,
    HoldIn,
    HoldOut,
    HoldPageOut,
    PoliciesOut,
    PolicyIn,
    PolicyOut,
    ReasonIn,
)
from vault import clock
from vault.access.api import KeyPages
from vault.access.callers import actor_of
from vault.access.reading import record_page
from vault.approvals.asking import ask
from vault.approvals.notices import tell_deciders
from vault.approvals.serializers import ApprovalOut
from vault.permissions import Permission

_PAGES = [
    OpenApiParameter("after", str, description="Older than this cursor."),
    OpenApiParameter("before", str, description="Newer than this cursor."),
    OpenApiParameter("limit", int, description="How many, at most 200."),
]


class RecordingErasure(APIView):
    """PUT /recordings/{id}/erasure: erase one recording now. GET: how far it has come."""

    required_permissions: ClassVar = {"PUT": Permission.RECORDING_ERASE, "GET": Permission.RETENTION_READ}

    @extend_schema(operation_id="erase_recording", request=ErasureIn, responses={202: ErasureOut})
    def put(self, request: Request, recording_id: UUID) -> Response:
        """Destroy the keys at once; the copies follow with the sweep."""
        asked = _valid(ErasureIn, request)
        row = erasure.erase_recording(
            recording_id, ground=Ground(asked["ground"]), actor=_actor(request), now=clock.now()
        )
        return Response(ErasureOut(row).data, status=202)

    @extend_schema(operation_id="get_erasure", responses=ErasureOut)
    def get(self, request: Request, recording_id: UUID) -> Response:
        """Return the erasure of a recording."""
        row = erasure.require_erasure(recording_id, actor=_actor(request))
        disclosures.record_viewed(row.recording, actor=_actor(request), now=clock.now())
        return Response(ErasureOut(row).data)


class ErasureProof(APIView):
    """GET /recordings/{id}/erasure/proof: the proof, as text that verify.py checks."""

    required_permission = Permission.ERASURE_PROOF_READ

    @extend_schema(operation_id="get_erasure_proof", responses={(200, "text/plain"): OpenApiTypes.STR})
    def get(self, request: Request, recording_id: UUID) -> HttpResponse:
        """Return the proof of a certified erasure."""
        text = proof.read_proof(recording_id, actor=_actor(request), now=clock.now())
        return HttpResponse(text, content_type="text/plain; charset=utf-8")


class Holds(APIView):
    """GET /holds: holds, freezes and restrictions, newest first. POST: place a legal hold."""

    required_permissions: ClassVar = {"GET": Permission.HOLD_READ, "POST": Permission.HOLD_PLACE}

    @extend_schema(
        operation_id="list_holds",
        parameters=[*_PAGES, OpenApiParameter("released", bool, description="Those released instead.")],
        responses=HoldPageOut,
    )
    def get(self, request: Request) -> Response:
        """Return a page of holds."""
        within = Recording.objects.visible_to(_actor(request))
        released = request.query_params.get("released", "") in {"true", "1"}
        found = Hold.objects.filter(recording__in=within, released_at__isnull=not released)
        page = KeyPages("placed_at").page(found, request._request)
        what = "holds-released" if released else "holds"
        disclosures.record_listed(what, count=len(page.rows), actor=_actor(request), now=clock.now())
        return Response(HoldPageOut(page).data)

    @extend_schema(operation_id="place_hold", request=HoldIn, responses={201: HoldOut})
    def post(self, request: Request) -> Response:
        """Place a legal hold."""
        asked = _valid(HoldIn, request)
        hold = holds.place_hold(
            asked["recording"],
            reason=asked["reason"],
            case=asked["case"],
            review_on=asked["review_on"],
            actor=_actor(request),
            now=clock.now(),
        )
        return Response(HoldOut(hold).data, status=201)


class HoldRelease(APIView):
    """POST /holds/{id}/release: end a freeze or a restriction, or ask for the end of a legal hold."""

    required_permission = Permission.HOLD_RELEASE

    @extend_schema(operation_id="release_hold", request=ReasonIn, responses={200: HoldOut, 202: ApprovalOut})
    def post(self, request: Request, hold_id: UUID) -> Response:
        """End it, for a reason; a legal hold only once a second person has approved what is asked here."""
        reason = _valid(ReasonIn, request)["reason"]
        actor, now = _actor(request), clock.now()
        if holds.require_hold(hold_id, actor=actor).kind == HoldKind.LEGAL_HOLD:
            asked = ask(HOLD_RELEASE, str(hold_id), reason=reason, actor=actor, now=now)
            tell_deciders(request._request, asked)
            return Response(ApprovalOut(asked).data, status=202)
        hold = holds.release_hold(hold_id, reason=reason, actor=actor, now=now)
        return Response(HoldOut(hold).data)


class RecordingRestriction(APIView):
    """PUT /recordings/{id}/restriction: keep it, let nobody use it (Art. 18). DELETE: lift it."""

    required_permission = Permission.RESTRICTION_SET

    @extend_schema(operation_id="restrict_recording", request=ReasonIn, responses=HoldOut)
    def put(self, request: Request, recording_id: UUID) -> Response:
        """Restrict a recording."""
        reason = _valid(ReasonIn, request)["reason"]
        hold = holds.restrict(recording_id, reason=reason, actor=_actor(request), now=clock.now())
        return Response(HoldOut(hold).data)

    @extend_schema(operation_id="lift_restriction", request=ReasonIn, responses=HoldOut)
    def delete(self, request: Request, recording_id: UUID) -> Response:
        """Lift a restriction."""
        reason = _valid(ReasonIn, request)["reason"]
        hold = holds.lift_restriction(recording_id, reason=reason, actor=_actor(request), now=clock.now())
        return Response(HoldOut(hold).data)


class RecordingFreeze(APIView):
    """PUT /recordings/{id}/freeze: an access request is open. DELETE: it has been answered."""

    required_permission = Permission.HOLD_PLACE

    @extend_schema(operation_id="freeze_recording", request=ReasonIn, responses=HoldOut)
    def put(self, request: Request, recording_id: UUID) -> Response:
        """Stop the clock."""
        reason = _valid(ReasonIn, request)["reason"]
        hold = holds.freeze(recording_id, reason=reason, actor=_actor(request), now=clock.now())
        return Response(HoldOut(hold).data)

    @extend_schema(operation_id="lift_freeze", request=ReasonIn, responses=HoldOut)
    def delete(self, request: Request, recording_id: UUID) -> Response:
        """Let the clock go on."""
        reason = _valid(ReasonIn, request)["reason"]
        hold = holds.lift_freeze(recording_id, reason=reason, actor=_actor(request), now=clock.now())
        return Response(HoldOut(hold).data)


class Policies(APIView):
    """GET /policies: the versions in force. POST: a new policy, or a new version of one."""

    required_permissions: ClassVar = {"GET": Permission.POLICY_READ, "POST": Permission.POLICY_CHANGE}

    @extend_schema(operation_id="list_policies", responses=PoliciesOut)
    def get(self, request: Request) -> Response:
        """Return what is in force."""
        record_page(request._request)
        found = RetentionPolicy.objects.in_force().order_by("name", "policy_id", "pk")
        return Response(PoliciesOut({"results": found}).data)

    @extend_schema(operation_id="write_policy", request=PolicyIn, responses={201: PolicyOut})
    def post(self, request: Request) -> Response:
        """Put a policy, or a new version, in force."""
        asked = PolicyIn(data=request.data)
        asked.is_valid(raise_exception=True)
        actor, now = _actor(request), clock.now()
        replaced: UUID | None = asked.validated_data.get("policy")
        made = (
            policies.change_policy(replaced, asked.terms(), actor=actor, now=now)
            if replaced
            else policies.create_policy(asked.terms(), actor=actor, now=now)
        )
        return Response(PolicyOut(made).data, status=201)


class Policy(APIView):
    """GET /policies/{id}: every version of a policy, newest first."""

    required_permission = Permission.POLICY_READ

    @extend_schema(operation_id="get_policy", responses=PoliciesOut)
    def get(self, request: Request, policy_id: UUID) -> Response:
        """Return the versions."""
        versions = policies.require_policy(policy_id)
        record_page(request._request)
        return Response(PoliciesOut({"results": versions}).data)


class PolicyRetirement(APIView):
    """POST /policies/{id}/retire: take a policy out of force."""

    required_permission = Permission.POLICY_CHANGE

    @extend_schema(operation_id="retire_policy", request=None, responses=PolicyOut)
    def post(self, request: Request, policy_id: UUID) -> Response:
        """Retire the version in force."""
        return Response(
            PolicyOut(policies.retire_policy(policy_id, actor=_actor(request), now=clock.now())).data
        )


def _actor(request: Request) -> Actor:
    return actor_of(request._request)


def _valid(kind: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    asked = kind(data=request.data)
    asked.is_valid(raise_exception=True)
    found: dict[str, Any] = asked.validated_data
    return found
