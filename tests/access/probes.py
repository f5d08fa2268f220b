"""The vault's addresses, and beside them some made for testing the gate and the refusals."""

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework import serializers
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.actions import Action
from vault import urls
from vault.access.callers import actor_of
from vault.access.gate import requires
from vault.errors import Conflict
from vault.permissions import Permission


class AlreadyGone(Conflict):
    """A probe's own state."""

    status = 410
    code = "gone-already"


class Question(serializers.Serializer[dict[str, int]]):
    """What the probe asks for."""

    number = serializers.IntegerField()


class Probe(APIView):
    """Finds, and takes a number."""

    required_permissions = {"GET": Permission.RECORDING_FIND, "POST": Permission.RECORDING_INGEST}

    def get(self, request: Request) -> Response:
        """Say who asks."""
        return Response({"actor": str(actor_of(request._request).id), "user": str(request.user)})

    def post(self, request: Request) -> Response:
        """Check what was sent."""
        question = Question(data=request.data)
        question.is_valid(raise_exception=True)
        return Response(question.validated_data, status=201)


class PersonsProbe(APIView):
    """Takes what a person sends with their session."""

    required_permission = Permission.RECORDING_PLAY

    def post(self, request: Request) -> Response:
        """Take anything."""
        return Response(status=204)


class Unmarked(APIView):
    """Names no permission."""

    def get(self, request: Request) -> Response:
        """Never reached."""
        return Response({})


class Media(APIView):
    """Refuses a media type."""

    required_permission = Permission.PUBLIC

    def put(self, request: Request) -> Response:
        """Refuse."""
        raise UnsupportedMediaType("text/plain")


class Often(APIView):
    """Is asked for ranges, many times a second."""

    required_permission = Permission.RECORDING_PLAY
    asked_often = True
    refused_as = Action.PLAYBACK_REFUSED

    def get(self, request: Request) -> Response:
        """Say who asks."""
        actor = actor_of(request._request)
        return Response({"actor": str(actor.id), "request": actor.request_id})


def unmarked(request: HttpRequest) -> HttpResponse:
    """Never reached: names no permission."""
    return HttpResponse()


@requires(GET=Permission.PUBLIC)
def address(request: HttpRequest) -> HttpResponse:
    """Say from where the request comes, as the trail would."""
    return HttpResponse(actor_of(request).address)


@requires(Permission.PUBLIC)
def breaks(request: HttpRequest) -> HttpResponse:
    """Break, with something personal in the error's text."""
    raise RuntimeError("Katrien Maas, +31201234567")


@requires(Permission.PUBLIC)
def no_database(request: HttpRequest) -> HttpResponse:
    """Find the database gone."""
    raise OperationalError("server closed the connection: host=10.0.0.7")


@requires(Permission.SIGNED_IN)
def gone(request: HttpRequest, recording_id: str) -> HttpResponse:
    """Refuse because it is gone."""
    raise AlreadyGone("It was erased.", erased_at="2026-11-22")


urlpatterns = [
    *urls.urlpatterns,
    path("probe/unmarked/", unmarked, name="unmarked"),
    path("probe/address/", address, name="address"),
    path("probe/breaks/", breaks, name="breaks"),
    path("probe/no-database/", no_database, name="no-database"),
    path("probe/gone/<uuid:recording_id>/", gone, name="gone"),
    path("api/v1/probe", Probe.as_view(), name="probe"),
    path("api/v1/probe/person", PersonsProbe.as_view(), name="persons-probe"),
    path("api/v1/probe/unmarked", Unmarked.as_view(), name="unmarked-api"),
    path("api/v1/probe/media", Media.as_view(), name="media"),
    path("api/v1/probe/often", Often.as_view(), name="often"),
    path("api/v1/probe/breaks", breaks, name="breaks-api"),
    path("api/v1/probe/no-database", no_database, name="no-database-api"),
]
handler400, handler403 = urls.handler400, urls.handler403
handler404, handler500 = urls.handler404, urls.handler500
