"""Django's description of the app."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """The trail."""

    name = "audit"
    label = "audit"
