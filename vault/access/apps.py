"""Register the app: who is who and who may what."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """People, teams, service tokens, and the gate that every request passes."""

    name = "vault.access"
    label = "access"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to signing in and out."""
        from vault.access import signing_in

        signing_in.listen()
