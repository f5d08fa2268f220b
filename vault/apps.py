"""Django's description of the project itself: its checks and its schedule are loaded with it."""

from django.apps import AppConfig


class VaultConfig(AppConfig):
    """The wiring."""

    name = "vault"

    def ready(self) -> None:
        """Register the checks, and make the schedule known to every process."""
        from vault import celery, checks  # noqa: F401 - loading them is what registers them
