"""Django's description of the app."""

from django.apps import AppConfig


class ResidencyConfig(AppConfig):
    """Everything stays where the settings allow."""

    name = "vault.residency"
    label = "residency"
