"""The API's door to a second person: ask, see, decide, withdraw.

What is for the eyes of who asked is carried out on the page, where it is shown once.
"""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.actor import Actor
from vault import clock
from vault.access.api import KeyPages
from vault.access.callers import actor_of
from vault.access.reading import record_page
from vault.approvals import asking, deciding, notices, reading, words
from vault.approvals.serializers import (
    ApprovalIn,
    ApprovalOut,
    ApprovalPageOut,
    ApprovalWithReasonOut,
    DecisionIn,
)
from vault.permissions import Permission

_PAGES = [
    OpenApiParameter("after", str, description="Older than this cursor."),
    OpenApiParameter("before", str, description="Newer than this cursor."),
    OpenApiParameter("limit", int, description="How many, at most 200."),
    OpenApiParameter("waiting", bool, description="Only those that wait for your decision."),
]


class Approvals(APIView):
    """GET /approvals: your requests, and those on which you may decide, newest first. POST: ask."""

    required_permission = Permission.APPROVAL_READ

    @extend_schema(operation_id="list_approvals", parameters=_PAGES, responses=ApprovalPageOut)
    def get(self, request: Request) -> Response:
        """Return a page of requests."""
        actor, now = _actor(request), clock.now()
        only_waiting = request.query_params.get("waiting", "") in {"true", "1"}
        found = reading.waiting_for(actor, now=now) if only_waiting else reading.visible_to(actor)
        page = KeyPages("asked_at").page(found, request._request)
        record_page(request._request)
        return Response(ApprovalPageOut(page).data)

    @extend_schema(operation_id="ask_for_approval", request=ApprovalIn, responses={201: ApprovalOut})
    def post(self, request: Request) -> Response:
        """Ask for what nobody does alone; it waits for somebody else."""
        said = ApprovalIn(data=request.data)
        said.is_valid(raise_exception=True)
        asked = asking.ask(
            said.validated_data["kind"],
            said.validated_data["target"],
            parameters=said.validated_data["parameters"],
            reason=said.validated_data["reason"],
            actor=_actor(request),
            now=clock.now(),
        )
        notices.tell_deciders(request._request, asked)
        return Response(ApprovalOut(asked).data, status=201)


class OneApproval(APIView):
    """GET /approvals/{id}: one request with its reason. DELETE: withdraw it."""

    required_permission = Permission.APPROVAL_READ

    @extend_schema(operation_id="get_approval", responses=ApprovalWithReasonOut)
    def get(self, request: Request, approval_id: UUID) -> Response:
        """Return a request."""
        asked = reading.visible_to(_actor(request)).require(approval_id)
        reason, said = words.show(asked, actor=_actor(request), now=clock.now())
        return Response({**ApprovalOut(asked).data, "reason": reason, "words": said})

    @extend_schema(operation_id="withdraw_approval", responses=ApprovalOut)
    def delete(self, request: Request, approval_id: UUID) -> Response:
        """Take back what you asked for."""
        return Response(
            ApprovalOut(asking.withdraw(approval_id, actor=_actor(request), now=clock.now())).data
        )


class ApprovalDecision(APIView):
    """POST /approvals/{id}/decision: approve or refuse what somebody else asked for."""

    required_permissions: ClassVar = {"POST": Permission.APPROVAL_READ}

    @extend_schema(operation_id="decide_on_approval", request=DecisionIn, responses=ApprovalOut)
    def post(self, request: Request, approval_id: UUID) -> Response:
        """Decide; what you approve is carried out with it, unless it is for the eyes of who asked."""
        said = DecisionIn(data=request.data)
        said.is_valid(raise_exception=True)
        decide = deciding.approve if said.validated_data["approve"] else deciding.refuse
        asked = decide(approval_id, said=said.validated_data["words"], actor=_actor(request), now=clock.now())
        return Response(ApprovalOut(asked).data)


def _actor(request: Request) -> Actor:
    return actor_of(request._request)
