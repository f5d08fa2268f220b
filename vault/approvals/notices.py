"""Mail to those who may decide that something waits: a link, and nothing about whom or what."""

from __future__ import annotations

from django.conf import settings
from django.core.mail import EmailMessage
from django.http import HttpRequest
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from vault.access.callers import actor_of
from vault.access.mail import send_after_answer
from vault.approvals import kinds
from vault.approvals.models import Approval
from vault.approvals.reading import deciders


def tell_deciders(request: HttpRequest, asked: Approval) -> None:
    """Write to everybody who may decide, after the answer has left; what waits is found without the mail too."""
    link = request.build_absolute_uri(reverse("approvals:approval", args=[asked.pk]))
    for person in deciders(kinds.require(asked.kind), asked.target_id, asker=actor_of(request)):
        with translation.override(person.language):
            subject = _("Something waits for your decision")  # within an f-string it is not gathered
            message = EmailMessage(
                subject=f"[{settings.ORGANISATION}] {subject}",
                body=_("Somebody has asked for what nobody does alone. Read it and decide here:")
                + f"\n\n{link}\n",
                to=[person.email],
            )
        send_after_answer(request, message)
