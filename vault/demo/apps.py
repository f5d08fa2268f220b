"""Django's description of the app."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """Commands that make the demo; no models."""

    name = "vault.demo"
    label = "demo"
