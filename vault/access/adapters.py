"""How allauth behaves here: nobody signs up, a password alone opens nothing, secrets are sealed."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.core.mail import EmailMessage
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.translation import gettext as _

from vault.access import factors, refusals, signing_in
from vault.access.address import client_address
from vault.access.devices import find_device
from vault.access.mail import send_after_answer
from vault.access.models import User
from vault.errors import Forbidden


class NoFactorEnrolled(Forbidden):
    """The password was right, but no second factor was ever enrolled."""

    code = "no-second-factor"


class AccountAdapter(DefaultAccountAdapter):
    """Accounts: by invitation only, guessing counted so that it cannot shut the owner out."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Say no."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the client's address; without one (a proxy's socket), all such clients count as one."""
        return client_address(request) or "unknown"

    def pre_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse | None:
        """Stop who has no second factor: only the link of an invitation lets anybody enrol one."""
        response: HttpResponse | None = super().pre_login(request, user, **kwargs)
        if response is None and not factors.is_enrolled(user):
            event_id = signing_in.record_failure(request, user, code=NoFactorEnrolled.code)
            refusal = NoFactorEnrolled(
                _("Your account has no second factor yet. Ask an administrator for a new link.")
            )
            response = refusals.answer(request, refusal, event_id=event_id)
        return response

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send after the answer has left: how long it took must not tell whether the account exists."""
        reader = context.get("user")
        with translation.override(reader.language if isinstance(reader, User) else None):
            message: EmailMessage = self.render_mail(
                template_prefix, email, {"request": self.request, "email": email} | context
            )
        send_after_answer(self.request, message)

    def format_email_subject(self, subject: str) -> str:
        """Say whose vault writes."""
        return f"[{settings.ORGANISATION}] {subject}"

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Count guesses by account and device if it is known, else by account and address."""
        email = str(credentials.get("email", "")).strip().lower()
        place = find_device(request, email) or self.get_client_ip(request)
        return f"{email}|{place}"


class MFAAdapter(DefaultMFAAdapter):
    """Second factors: sealed at rest, named after the organisation."""

    def encrypt(self, text: str) -> str:
        """Seal a secret before it is stored."""
        return factors.seal_secret(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Open a stored secret."""
        return factors.open_secret(encrypted_text)

    def _get_site_name(self) -> str:
        return str(settings.ORGANISATION)
