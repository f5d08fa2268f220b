"""Django's description of the app."""

from django.apps import AppConfig


class JobsConfig(AppConfig):
    """Heartbeats of periodic jobs."""

    name = "vault.jobs"
    label = "jobs"
