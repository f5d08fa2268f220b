"""What the API of privacy takes and gives; the shapes are those of docs/spec/statement.md."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from privacy.statement import LANGUAGES, LONGEST_GROUND


class PeriodIn(serializers.Serializer[Any]):
    """A period, its end exclusive; without an end it is open."""

    since = serializers.DateTimeField(required=False, allow_null=True, default=None)
    until = serializers.DateTimeField(required=False, allow_null=True, default=None)


class StatementIn(PeriodIn):
    """About whom, by exactly one of number and reference; names of employees only on a ground."""

    number = serializers.CharField(required=False, default="", max_length=120)
    reference = serializers.CharField(required=False, default="", max_length=120)
    names = serializers.BooleanField(required=False, default=False)
    ground = serializers.CharField(required=False, default="", allow_blank=True, max_length=LONGEST_GROUND)
    language = serializers.ChoiceField(required=False, choices=LANGUAGES, default=LANGUAGES[0])


class BreachIn(PeriodIn):
    """Whose acts: an account or a service token, and perhaps one session of it."""

    kind = serializers.ChoiceField(choices=("account", "token"))
    id = serializers.UUIDField()
    session = serializers.CharField(required=False, default="", allow_blank=True, max_length=64)


class ConsultationsOut(serializers.Serializer[Any]):
    """What both documents have in common."""

    format = serializers.CharField()
    event = serializers.UUIDField()
    made_at = serializers.DateTimeField()
    about = serializers.DictField()
    period = serializers.DictField()
    coverage = serializers.DictField()
    recordings = serializers.ListField(child=serializers.DictField())
    heard = serializers.ListField(child=serializers.DictField())
    seen = serializers.ListField(child=serializers.DictField())
    refused = serializers.IntegerField()


class StatementOut(ConsultationsOut):
    """A statement: ``callvault-statement/1``."""

    controller = serializers.CharField()
    language = serializers.CharField()
    searches = serializers.ListField(child=serializers.DictField())
    statements_before = serializers.IntegerField()
    names_shown = serializers.BooleanField()


class BreachOut(ConsultationsOut):
    """A breach report: ``callvault-breach-report/1``."""

    affected = serializers.DictField()
    lists = serializers.DictField()
    searches = serializers.DictField()
    trail_pages = serializers.DictField()
    taken = serializers.ListField(child=serializers.DictField())
