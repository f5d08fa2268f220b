"""Django's description of the app."""

from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    """What people may ask about the recordings of them, and answers to it."""

    name = "privacy"
    label = "privacy"
