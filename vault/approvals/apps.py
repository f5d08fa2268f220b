"""Register the app: what nobody does alone."""

from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    """Requests that wait for a second person."""

    name = "vault.approvals"
    label = "approvals"

    def ready(self) -> None:
        """Register what the people's pages need a second person for."""
        from vault.approvals import privileged_accounts

        privileged_accounts.register()
