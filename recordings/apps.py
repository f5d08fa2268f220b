"""Django's description of the app."""

from django.apps import AppConfig


class RecordingsConfig(AppConfig):
    """Calls in, calls out."""

    name = "recordings"

    def ready(self) -> None:
        """Register what needs a second person."""
        from recordings import key_approvals

        key_approvals.register()
