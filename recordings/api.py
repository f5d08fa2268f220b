"""The API's door to recordings: calls in, calls found, lawful bases, listening."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser, JSONParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.actions import Action
from audit.actor import Actor, Ref
from recordings import (
    ingest,
    lawful_bases,
    playback,
    ranges,
    raw_body,
    search,
    sidecar,
    standing,
    viewing,
    waveforms,
)
from recordings.errors import RangeNeeded
from recordings.lawful_bases import NewBasis
from recordings.models import Purpose
from recordings.serializers import (
    AnnouncementOut,
    CallOut,
    CallPageOut,
    FiltersIn,
    GrantIn,
    GrantOut,
    LawfulBasesOut,
    LawfulBasisIn,
    LawfulBasisOut,
    PurposesOut,
    SearchIn,
    StandingOut,
)
from vault import clock
from vault.access.callers import actor_of
from vault.errors import Invalid
from vault.permissions import Permission

LARGEST_DESCRIPTION = 262_144


class Recordings(APIView):
    """GET /recordings: calls within reach, newest first. POST: announce a call."""

    required_permissions: ClassVar = {
        "GET": Permission.RECORDING_FIND,
        "POST": Permission.RECORDING_INGEST,
    }

    @extend_schema(operation_id="list_recordings", parameters=[FiltersIn], responses=CallPageOut)
    def get(self, request: Request) -> Response:
        """Return a page of calls."""
        asked = FiltersIn(data=request.query_params)
        asked.is_valid(raise_exception=True)
        page = search.find(
            asked.filters(),
            actor=actor_of(request._request),
            cursor=asked.cursor(),
            limit=asked.validated_data["limit"],
            now=clock.now(),
        )
        return Response(CallPageOut(page).data)

    @extend_schema(
        operation_id="announce_recording",
        request=OpenApiTypes.OBJECT,
        responses={201: AnnouncementOut, 200: AnnouncementOut},
        description="Send the call's description (`vault-sidecar/1`, docs/spec/sidecar.schema.json); its audio "
        "follows at `audio_url` within a day. The same call again is the same recording (200).",
    )
    def post(self, request: Request) -> Response:
        """Make room for a call."""
        if int(request.META.get("CONTENT_LENGTH") or 0) > LARGEST_DESCRIPTION:
            raise Invalid("The description of a call has at most 256 KiB.", code="description-too-large")
        metadata = sidecar.parse(request.data)
        announced = ingest.announce(metadata, actor=actor_of(request._request), now=clock.now())
        body = {
            "id": announced.id,
            "audio_url": reverse("recordings-api:audio", args=[announced.id]),
            "expires_at": announced.expires_at,
            "is_received": announced.recording is not None,
            "dropped": metadata.dropped,
        }
        return Response(AnnouncementOut(body).data, status=201 if announced.is_new else 200)


class RecordingSearch(APIView):
    """POST /recordings/search: find calls by number or customer's reference."""

    required_permission = Permission.RECORDING_FIND

    @extend_schema(operation_id="search_recordings", request=SearchIn, responses=CallPageOut)
    def post(self, request: Request) -> Response:
        """Return a page of the calls that match; the search is in the trail."""
        asked = SearchIn(data=request.data)
        asked.is_valid(raise_exception=True)
        is_number = "number" in asked.validated_data
        find = search.find_by_number if is_number else search.find_by_reference
        page = find(
            asked.validated_data["number" if is_number else "reference"],
            filters=asked.filters(),
            actor=actor_of(request._request),
            cursor=asked.cursor(),
            limit=asked.validated_data["limit"],
            now=clock.now(),
        )
        return Response(CallPageOut(page).data)


class RecordingItem(APIView):
    """GET /recordings/{id}: one call, or its tombstone."""

    required_permission = Permission.RECORDING_FIND

    @extend_schema(operation_id="read_recording", responses=CallOut)
    def get(self, request: Request, recording_id: UUID) -> Response:
        """Return what the list shows of it."""
        seen = viewing.view(recording_id, actor=actor_of(request._request), now=clock.now())
        return Response(CallOut(seen).data)


class AnyBody(BaseParser):
    """Leaves the body alone: the view reads it piece by piece."""

    media_type = "*/*"


class RecordingAudio(APIView):
    """PUT /recordings/{id}/audio: the audio of an announced call, as the raw body."""

    required_permission = Permission.RECORDING_INGEST
    parser_classes = (AnyBody,)

    @extend_schema(
        operation_id="put_audio",
        request={"audio/wav": OpenApiTypes.BINARY},
        parameters=[
            OpenApiParameter(
                "Content-Digest",
                str,
                OpenApiParameter.HEADER,
                description="RFC 9530: `sha-256=:…:`. Audio that does not match is refused.",
            )
        ],
        responses={201: CallOut, 200: CallOut},
        description="WAV with PCM (8 or 16 bits), µ-law or A-law. The same audio again changes nothing (200), "
        "other audio is refused (409), as is a call that was erased (410).",
    )
    def put(self, request: Request, recording_id: UUID) -> Response:
        """Take the audio in, sealed while it arrives."""
        now, actor = clock.now(), actor_of(request._request)
        recording = ingest.receive_audio(
            recording_id,
            raw_body.pieces_of(request._request),
            digest=raw_body.digest_of(request._request),
            actor=actor,
            now=now,
        )
        (row,) = search.rows_of([recording], actor)
        return Response(CallOut(row).data, status=201 if recording.ingested_at == now else 200)


class RecordingLawfulBases(APIView):
    """GET|POST /recordings/{id}/lawful-bases: the history, and an entry to add to it."""

    required_permissions: ClassVar = {
        "GET": Permission.LAWFUL_BASIS_READ,
        "POST": Permission.LAWFUL_BASIS_RECORD,
    }

    @extend_schema(operation_id="list_lawful_bases", responses=LawfulBasesOut)
    def get(self, request: Request, recording_id: UUID) -> Response:
        """Return the history, oldest entry first."""
        seen = viewing.view(recording_id, actor=actor_of(request._request), now=clock.now())
        return Response(LawfulBasesOut({"results": seen.history}).data)

    @extend_schema(operation_id="record_lawful_basis", request=LawfulBasisIn, responses={201: LawfulBasisOut})
    def post(self, request: Request, recording_id: UUID) -> Response:
        """Add an entry: given, refused or withdrawn. It takes effect at once."""
        asked = LawfulBasisIn(data=request.data)
        asked.is_valid(raise_exception=True)
        now = clock.now()
        said = NewBasis(**{"at": now} | asked.validated_data)
        entry = lawful_bases.record_basis(recording_id, said, actor=actor_of(request._request), now=now)
        return Response(LawfulBasisOut(entry).data, status=201)


class Purposes(APIView):
    """GET /purposes: the customer's list."""

    required_permission = Permission.LAWFUL_BASIS_READ

    @extend_schema(operation_id="list_purposes", responses=PurposesOut)
    def get(self, request: Request) -> Response:
        """Return the purposes in use."""
        purposes = Purpose.objects.filter(is_active=True).order_by("position", "code")
        return Response(PurposesOut({"results": purposes}).data)


class RecordingGrants(APIView):
    """POST /recordings/{id}/grants: ask to listen."""

    required_permission = Permission.RECORDING_PLAY
    refused_as = Action.PLAYBACK_REFUSED

    @extend_schema(operation_id="grant_playback", request=GrantIn, responses={201: GrantOut})
    def post(self, request: Request, recording_id: UUID) -> Response:
        """Permit this person, in this session, to listen for some minutes."""
        asked = GrantIn(data=request.data)
        asked.is_valid(raise_exception=True)
        granted = playback.grant(
            recording_id,
            purpose=asked.validated_data["purpose"],
            reason=asked.validated_data["reason"],
            actor=actor_of(request._request),
            now=clock.now(),
        )
        urls = {
            name: reverse(f"recordings-api:grant-{name}", args=[granted.token])
            for name in ("audio", "waveform")
        }
        body = {name: getattr(granted, name) for name in granted.__slots__}
        return Response(
            GrantOut(body | {f"{name}_url": url for name, url in urls.items()}).data,
            status=201,
            headers={"Cache-Control": "no-store"},
        )


class OfAGrant:
    """What an address with a grant's token is about, for a refusal's event: the timeline of the recording shows it."""

    @staticmethod
    def refused_about(actor: Actor, token: str) -> Ref | None:
        """Return the recording, if the token is this person's own."""
        return standing.find_recording(token, actor=actor)


class Grant(OfAGrant, APIView):
    """GET|DELETE /grants/{token}: does it still hold; stop."""

    required_permission = Permission.RECORDING_PLAY
    asked_often = True

    @extend_schema(operation_id="read_grant", responses=StandingOut)
    def get(self, request: Request, token: str) -> Response:
        """Say that the permission holds, or refuse with the code of what ended it."""
        stands = playback.check_standing(token, actor=actor_of(request._request), now=clock.now())
        return Response(StandingOut(stands).data, headers={"Cache-Control": "no-store"})

    @extend_schema(operation_id="stop_playback", responses={204: None})
    def delete(self, request: Request, token: str) -> Response:
        """End the permission; the trail says which seconds were sent."""
        playback.stop(token, actor=actor_of(request._request), now=clock.now())
        return Response(status=204)


class WhateverIsAccepted(BaseContentNegotiation):
    """Answers with what there is; refusals are problems, whatever the client says it accepts."""

    def select_parser(self, request: Request, parsers: Any) -> BaseParser:
        """Return the only parser."""
        return JSONParser()

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the renderer of refusals; audio is not rendered."""
        return JSONRenderer(), "application/json"


class GrantAudio(OfAGrant, APIView):
    """GET|HEAD /grants/{token}/audio: the audio, by ranges of at most 1 MiB."""

    required_permission = Permission.RECORDING_PLAY
    asked_often = True
    throttle_classes = ()
    content_negotiation_class = WhateverIsAccepted

    @extend_schema(
        operation_id="read_audio",
        parameters=[OpenApiParameter("Range", str, OpenApiParameter.HEADER, description="`bytes=0-`")],
        responses={
            206: OpenApiResponse(OpenApiTypes.BINARY, "At most 1 MiB of what was asked for"),
            200: OpenApiResponse(OpenApiTypes.BINARY, "Audio of at most 1 MiB, asked for without a range"),
        },
    )
    def get(self, request: Request, token: str) -> HttpResponseBase:
        """Send a piece of audio; which seconds it plays stands in the trail before."""
        actor, now = actor_of(request._request), clock.now()
        stands = playback.check_standing(token, actor=actor, now=now)
        total = stands.rendition.plain_length
        self.headers["Content-Range"] = f"bytes */{total}"  # for a refusal; an answer states its own
        asked = _asked_range(request, total, stands.etag)
        if asked is None and total > ranges.MOST_BYTES and request.method != "HEAD":
            raise RangeNeeded
        if request.method == "HEAD":
            return self._answer(HttpResponse(), stands.etag, stands.rendition.media_type, total)
        piece = playback.open_range(token, *(asked or (0, total)), actor=actor, now=now)
        response = StreamingHttpResponse(piece.pieces, status=200 if asked is None else 206)
        self._answer(response, piece.etag, piece.media_type, piece.end - piece.start)
        if asked is not None:
            self.headers["Content-Range"] = f"bytes {piece.start}-{piece.end - 1}/{piece.total}"
        return response

    def _answer(
        self, response: HttpResponseBase, etag: str, media_type: str, length: int
    ) -> HttpResponseBase:
        del self.headers["Content-Range"]
        response["Content-Type"] = media_type
        response["Content-Length"] = str(length)
        response["ETag"] = etag
        response["Accept-Ranges"] = "bytes"
        response["Cache-Control"] = "no-store"
        return response


class GrantWaveform(OfAGrant, APIView):
    """GET /grants/{token}/waveform: peaks to draw."""

    required_permission = Permission.RECORDING_PLAY
    content_negotiation_class = WhateverIsAccepted

    @extend_schema(
        operation_id="read_waveform",
        responses={
            (200, waveforms.MEDIA_TYPE): OpenApiResponse(
                OpenApiTypes.BINARY, "One int8 peak (0 to 127) a channel every 20 ms, channels side by side"
            )
        },
    )
    def get(self, request: Request, token: str) -> HttpResponse:
        """Send the peaks of both sides of the call."""
        peaks = playback.peaks(token, actor=actor_of(request._request), now=clock.now())
        return HttpResponse(peaks, content_type=waveforms.MEDIA_TYPE, headers={"Cache-Control": "no-store"})


def _asked_range(request: Request, total: int, etag: str) -> tuple[int, int] | None:
    header = request.headers.get("Range")
    if header is None or request.headers.get("If-Range", etag) != etag:
        return None
    return ranges.parse(header, total)
