"""The API's door to privacy: statements of who listened, and breach reports."""

from __future__ import annotations

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from privacy import breach, statement, written
from privacy.periods import Period
from privacy.serializers import BreachIn, BreachOut, StatementIn, StatementOut
from privacy.statement import Asked
from vault import clock
from vault.access.callers import actor_of
from vault.permissions import Permission


class Statements(APIView):
    """POST /privacy/statements: who listened to somebody."""

    required_permission = Permission.CONSULTATIONS_STATE

    @extend_schema(operation_id="make_statement", request=StatementIn, responses=StatementOut)
    def post(self, request: Request) -> Response:
        """State every consultation; that it was stated is recorded first."""
        given = StatementIn(data=request.data)
        given.is_valid(raise_exception=True)
        said = given.validated_data
        asked = Asked(
            number=said["number"],
            reference=said["reference"],
            period=Period(said["since"], said["until"]),
            language=said["language"],
            with_names=said["names"],
            ground=said["ground"],
        )
        stated = statement.make_statement(asked, actor=actor_of(request._request), now=clock.now())
        return Response(written.statement_as_json(stated, controller=settings.ORGANISATION))


class BreachReports(APIView):
    """POST /privacy/breach-reports: what was sent and shown to an account or a token."""

    required_permission = Permission.BREACH_REPORT

    @extend_schema(operation_id="make_breach_report", request=BreachIn, responses=BreachOut)
    def post(self, request: Request) -> Response:
        """Report it; that it was reported is recorded first."""
        given = BreachIn(data=request.data)
        given.is_valid(raise_exception=True)
        said = given.validated_data
        report = breach.make_report(
            breach.find_suspect(said["kind"], said["id"], said["session"]),
            period=Period(said["since"], said["until"]),
            format="json",
            language="en",
            actor=actor_of(request._request),
            now=clock.now(),
        )
        return Response(written.report_as_json(report))
