"""The trail over the API: read events, take proofs, order and fetch exports."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
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

from audit import checkpoints, checks, events, export, proofs, traces, trail
from audit.actions import GROUPS, Action, Outcome
from audit.actor import Actor, Ref
from audit.doors import actor_of
from audit.events import EventFilters, Told
from audit.models import Check, CheckState, Export
from audit.pages import record_checkpoint_read, record_reading, send_package
from audit.shapes.formats import FORMATS
from vault import clock
from vault.errors import Invalid, gettext_noop
from vault.permissions import Permission

MOST = 200
_ZIP = {(200, "application/zip"): OpenApiTypes.BINARY}
_TEXT = {(200, "text/plain"): OpenApiTypes.STR}


class EventQuery(serializers.Serializer[Any]):
    """What to look for; all of it together."""

    actor_id = serializers.UUIDField(required=False)
    target_id = serializers.CharField(required=False, max_length=200)
    person_id = serializers.UUIDField(required=False, help_text="Who did it, or to whom it was done.")
    recording_id = serializers.UUIDField(required=False, help_text="Everything about one recording.")
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


class Onwards(serializers.Serializer[Any]):
    """Where to go on."""

    after = serializers.UUIDField(required=False, help_text="The id in next, for older events.")
    limit = serializers.IntegerField(required=False, default=events.PAGE, min_value=1, max_value=MOST)


class EventPageQuery(EventQuery, Onwards):
    """A query and where to go on."""


class PostedQuery(EventQuery):
    """The same, and what is personal in itself: it is posted, and stands in no address."""

    number = serializers.CharField(
        required=False, max_length=200, help_text="A telephone number or a customer's reference."
    )
    address = serializers.IPAddressField(required=False, help_text="From which somebody acted.")

    def posted_filters(self, *, actor: Actor, now: datetime) -> EventFilters:
        """Return the filters of a valid query, with what the number and the address left in the trail."""
        found = []
        if number := self.validated_data.get("number"):
            found.append(traces.of_number(number, actor=actor))
        if address := self.validated_data.get("address"):
            found.append(traces.of_address(address, now=now))
        return replace(self.filters(), traces=tuple(found))


class PostedPageQuery(PostedQuery, Onwards):
    """A posted query and where to go on."""


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


class ExportOrder(PostedQuery):
    """What an export is to hold."""

    format = serializers.ChoiceField(choices=list(FORMATS), default="jsonl")
    with_personal = serializers.BooleanField(default=False)
    ground = serializers.CharField(required=False, default="", allow_blank=True, max_length=500)
    language = serializers.ChoiceField(
        choices=[code for code, _ in settings.LANGUAGES], default="en", help_text="Of what people read in it."
    )


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


class CheckOut(serializers.Serializer[Any]):
    """How far a check of the whole trail is, and what it found."""

    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=CheckState.choices)
    done = serializers.IntegerField()
    total = serializers.IntegerField()
    asked_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    whole = serializers.SerializerMethodField()
    findings = serializers.ListField(child=serializers.CharField(), source="worded")

    def get_whole(self, check: Check) -> bool | None:
        """Say whether nothing was found; null until the check is done."""
        return not check.findings if check.state == CheckState.DONE else None


class Events(APIView):
    """GET /audit/events: the trail, newest first."""

    required_permission = Permission.AUDIT_READ

    @extend_schema(operation_id="audit_events_list", parameters=[EventPageQuery], responses=EventPageOut)
    def get(self, request: Request) -> Response:
        """Return events; that they were read is recorded first."""
        if request.query_params.keys() & {"number", "address"}:
            raise Invalid(gettext_noop("A number or an address is posted: POST /audit/events/search."))
        asked = EventPageQuery(data=request.query_params)
        asked.is_valid(raise_exception=True)
        return _answer(request, asked, asked.filters(), clock.now())


class EventSearch(APIView):
    """POST /audit/events/search: the same, with what is looked for in the body."""

    required_permission = Permission.AUDIT_READ

    @extend_schema(operation_id="audit_events_search", request=PostedPageQuery, responses=EventPageOut)
    def post(self, request: Request) -> Response:
        """Return events; that they were read is recorded first."""
        now = clock.now()
        asked = PostedPageQuery(data=request.data)
        asked.is_valid(raise_exception=True)
        return _answer(request, asked, asked.posted_filters(actor=actor_of(request), now=now), now)


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
        return HttpResponse(checkpoints.given_out(newest), content_type="text/plain; charset=utf-8")


class Checks(APIView):
    """POST /audit/checks: ask for a check of the whole trail."""

    required_permission = Permission.AUDIT_READ

    @extend_schema(operation_id="audit_check_request", request=None, responses={202: CheckOut})
    def post(self, request: Request) -> Response:
        """Ask for it; a job does it. While one is under way, that is the answer."""
        asked = checks.request_check(actor=actor_of(request), now=clock.now())
        return Response(CheckOut(asked).data, status=status.HTTP_202_ACCEPTED)


class OneCheck(APIView):
    """GET /audit/checks/{id}: how far it is, and what it found."""

    required_permission = Permission.AUDIT_READ

    @extend_schema(operation_id="audit_check_state", responses=CheckOut)
    def get(self, request: Request, check_id: UUID) -> Response:
        """Return its state."""
        return Response(CheckOut(checks.require(check_id)).data)


class Exports(APIView):
    """POST /audit/exports: order an export."""

    required_permission = Permission.AUDIT_EXPORT

    @extend_schema(operation_id="audit_export_order", request=ExportOrder, responses={202: ExportOut})
    def post(self, request: Request) -> Response:
        """Order it; a job makes it."""
        now, actor = clock.now(), actor_of(request)
        asked = ExportOrder(data=request.data)
        asked.is_valid(raise_exception=True)
        ordered = export.request_export(
            format=asked.validated_data["format"],
            filters=asked.posted_filters(actor=actor, now=now),
            with_personal=asked.validated_data["with_personal"],
            ground=asked.validated_data["ground"],
            language=asked.validated_data["language"],
            actor=actor,
            now=now,
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


def _answer(
    request: Request, asked: serializers.Serializer[Any], filters: EventFilters, now: datetime
) -> Response:
    page = events.find_events(
        filters, after=asked.validated_data.get("after"), limit=asked.validated_data["limit"]
    )
    record_reading(filters, page, actor=actor_of(request), now=now)
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
