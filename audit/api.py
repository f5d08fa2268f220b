"""The trail over the API: read events, take proofs, order and fetch exports."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit import checkpoints, events, export, proofs, trail
from audit.actions import GROUPS, Action, Outcome
from audit.actor import Ref
from audit.doors import actor_of
from audit.events import EventFilters, Told
from audit.models import Export
from audit.pages import record_checkpoint_read, record_reading, send_package
from vault import clock
from vault.errors import gettext_noop
from vault.permissions import Permission

MOST = 200
_ZIP = {(200, "application/zip"): OpenApiTypes.BINARY}
_TEXT = {(200, "text/plain"): OpenApiTypes.STR}


class EventQuery(serializers.Serializer[Any]):
    """What to look for; all of it together."""

    actor_id = serializers.UUIDField(required=False)
    target_id = serializers.CharField(required=False, max_length=200)
    group = serializers.ChoiceField(required=False, choices=[*GROUPS, "refused"])
    action = serializers.ChoiceField(required=False, choices=[action.value for action in Action])
    outcome = serializers.ChoiceField(required=False, choices=[outcome.value for outcome in Outcome])
    purpose = serializers.CharField(required=False, max_length=64)
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)

    def filters(self) -> EventFilters:
        """Return the filters of a valid query."""
        names = EventQuery._declared_fields
        return EventFilters(**{name: value for name, value in self.validated_data.items() if name in names})


class EventPageQuery(EventQuery):
    """A query and where to go on."""

    after = serializers.UUIDField(required=False, help_text="The id in next, for older events.")
    limit = serializers.IntegerField(required=False, default=events.PAGE, min_value=1, max_value=MOST)


class EventOut(serializers.Serializer[Any]):
    """One event: its entry as it was hashed, its place in the tree, and what still opens about people."""

    id = serializers.UUIDField()
    index = serializers.IntegerField(allow_null=True)
    entry = serializers.DictField()
    about = serializers.ListField(child=serializers.DictField())


class EventPageOut(serializers.Serializer[Any]):
    """Events, newest first."""

    results = EventOut(many=True)
    next = serializers.UUIDField(allow_null=True)


class ExportOrder(EventQuery):
    """What an export is to hold."""

    format = serializers.ChoiceField(choices=export.FORMATS, default="jsonl")
    with_personal = serializers.BooleanField(default=False)
    ground = serializers.CharField(required=False, default="", allow_blank=True, max_length=500)


class ExportOut(serializers.Serializer[Any]):
    """How far an export is."""

    id = serializers.UUIDField()
    state = serializers.CharField()
    format = serializers.CharField()
    done = serializers.IntegerField()
    total = serializers.IntegerField()
    asked_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    size = serializers.IntegerField(source="plain_bytes", allow_null=True)
    sha256 = serializers.CharField()


class Events(APIView):
    """GET /audit/events: the trail, newest first."""

    required_permission = Permission.AUDIT_READ

    @extend_schema(operation_id="audit_events_list", parameters=[EventPageQuery], responses=EventPageOut)
    def get(self, request: Request) -> Response:
        """Return events; that they were read is recorded first."""
        return _answer(request, request.query_params)


class EventSearch(APIView):
    """POST /audit/events/search: the same, with what is looked for in the body."""

    required_permission = Permission.AUDIT_READ

    @extend_schema(operation_id="audit_events_search", request=EventPageQuery, responses=EventPageOut)
    def post(self, request: Request) -> Response:
        """Return events; that they were read is recorded first."""
        return _answer(request, request.data)


class EventProof(APIView):
    """GET /audit/events/{id}/proof: a .tlog-proof (C2SP) of one event."""

    required_permission = Permission.AUDIT_READ

    @extend_schema(operation_id="audit_event_proof", responses=_TEXT)
    def get(self, request: Request, event_id: UUID) -> HttpResponse:
        """Return the proof; that it was taken is recorded first."""
        proof = proofs.event_proof(event_id)
        trail.record_disclosure(
            Action.TRAIL_EVENT_READ,
            actor=actor_of(request),
            target=Ref("trail", settings.AUDIT_ORIGIN),
            at=clock.now(),
            event=str(event_id),
        )
        return HttpResponse(proof, content_type="text/plain; charset=utf-8")


class NewestCheckpoint(APIView):
    """GET /audit/checkpoint: the newest signed checkpoint, to be kept elsewhere."""

    required_permission = Permission.AUDIT_READ

    @extend_schema(operation_id="audit_checkpoint", responses=_TEXT)
    def get(self, request: Request) -> HttpResponse:
        """Return it. It says how many events there are, and nothing of what they are."""
        newest = checkpoints.newest()
        if newest is None:
            raise proofs.NotYetSequenced(gettext_noop("There is no checkpoint yet."))
        record_checkpoint_read(newest.size, actor=actor_of(request), now=clock.now())
        return HttpResponse(newest.note, content_type="text/plain; charset=utf-8")


class Exports(APIView):
    """POST /audit/exports: order an export."""

    required_permission = Permission.AUDIT_EXPORT

    @extend_schema(operation_id="audit_export_order", request=ExportOrder, responses={202: ExportOut})
    def post(self, request: Request) -> Response:
        """Order it; a job makes it."""
        asked = ExportOrder(data=request.data)
        asked.is_valid(raise_exception=True)
        ordered = export.request_export(
            format=asked.validated_data["format"],
            filters=asked.filters(),
            with_personal=asked.validated_data["with_personal"],
            ground=asked.validated_data["ground"],
            actor=actor_of(request),
            now=clock.now(),
        )
        return Response(_export_out(ordered), status=status.HTTP_202_ACCEPTED)


class OneExport(APIView):
    """GET /audit/exports/{id}: how far it is."""

    required_permission = Permission.AUDIT_EXPORT

    @extend_schema(operation_id="audit_export_state", responses=ExportOut)
    def get(self, request: Request, export_id: UUID) -> Response:
        """Return its state."""
        return Response(_export_out(export.require(export_id)))


class ExportPackage(APIView):
    """GET /audit/exports/{id}/package: the package, once."""

    required_permission = Permission.AUDIT_EXPORT
    http_method_names = ("get",)  # HEAD would use up the only time

    @extend_schema(
        operation_id="audit_export_package",
        responses=_ZIP,
        parameters=[OpenApiParameter("export_id", OpenApiTypes.UUID, OpenApiParameter.PATH)],
    )
    def get(self, request: Request, export_id: UUID) -> Any:
        """Hand it out; that it was fetched is recorded before the first byte."""
        return send_package(export.download(export_id, actor=actor_of(request), now=clock.now()))


def _answer(request: Request, data: Any) -> Response:
    asked = EventPageQuery(data=data)
    asked.is_valid(raise_exception=True)
    filters = asked.filters()
    page = events.find_events(
        filters, after=asked.validated_data.get("after"), limit=asked.validated_data["limit"]
    )
    record_reading(filters, page, actor=actor_of(request), now=clock.now())
    out = {"results": [_event_out(one) for one in page.rows], "next": page.older}
    return Response(EventPageOut(out).data)


def _event_out(told: Told) -> dict[str, Any]:
    about = [
        {"subject": part.subject, "forgotten": part.fields is None, **(part.fields or {})}
        for part in told.addenda
    ]
    return {"id": told.event.id, "index": told.index, "entry": told.event.body, "about": about}


def _export_out(ordered: Export) -> Any:
    return ExportOut(ordered).data
