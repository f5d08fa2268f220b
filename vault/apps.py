"""Django's description of the project itself: its checks and its schedule are loaded with it."""

import resource

from django.apps import AppConfig


class VaultConfig(AppConfig):
    """The wiring."""

    name = "vault"

    def ready(self) -> None:
        """Register the checks, make the schedule known to every process, and refuse unsafe connections."""
        from vault import celery, checks  # noqa: F401 - loading it makes the schedule known

        # A process that crashes would leave its keys, and audio in clear, in a file.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        checks.refuse_to_start()
