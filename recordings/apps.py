"""Django's description of the app."""

from django.apps import AppConfig


class RecordingsConfig(AppConfig):
    """Calls in, calls out."""

    name = "recordings"
