"""Django's description of the app."""

from django.apps import AppConfig


class RetentionConfig(AppConfig):
    """How long a call is kept, and its end."""

    name = "retention"
    label = "retention"

    def ready(self) -> None:
        """Register what needs a second person."""
        from retention import hold_release

        hold_release.register()
