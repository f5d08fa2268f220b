"""The newest checkpoint by mail, once a day and after many events, to people who keep what they are sent."""

from __future__ import annotations

import hashlib
import hmac
import smtplib
from datetime import UTC, datetime, timedelta
from email.utils import make_msgid

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils import translation
from django.utils.translation import gettext as _

from audit import checkpoints
from audit.anchors import AnchorSilent
from audit.models import Checkpoint

KIND = "mail"
EVERY = timedelta(days=1)


def is_configured() -> bool:
    """Say whether anybody is to be written to."""
    return bool(settings.AUDIT_ANCHOR_MAIL)


def is_due(checkpoint: Checkpoint, *, held: int, sent_at: datetime | None, now: datetime) -> bool:
    """Say whether it is time: a day has passed and there is something new, or much is."""
    new = checkpoint.size - held
    is_day_over = sent_at is None or now - sent_at >= EVERY
    return new > 0 and (is_day_over or new >= settings.AUDIT_ANCHOR_MAIL_EVENTS)


def send(checkpoint: Checkpoint) -> str:
    """Send a checkpoint, one message to each address; return message ids and keyed hashes of the addresses.

    :raises AnchorSilent: if the mail server does not take all of them.
    """
    sent = []
    for address in settings.AUDIT_ANCHOR_MAIL:
        message_id = make_msgid(domain=settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip(">") or None)
        message = EmailMessage(
            subject=f"{settings.AUDIT_ORIGIN} {checkpoint.size}",
            body=_text(checkpoint),
            to=[address],
            headers={"Message-ID": message_id},
        )
        try:
            message.send()
        except (OSError, smtplib.SMTPException) as error:
            raise AnchorSilent("mail-not-taken") from error
        sent.append(f"{message_id} {_hash(address)}")
    return "\n".join(sent)


def _text(checkpoint: Checkpoint) -> str:
    """Return the message: what to do, in both languages, and the checkpoint as it is."""
    words = []
    for language in ("en", "nl"):
        with translation.override(language):
            words.append(
                _(
                    "Keep this message where whoever runs the vault cannot change it: with the lines below you can"
                    " later check that nothing of the trail up to %(at)s was rewritten"
                    " (verify.py EXPORT --known FILE)."
                )
                % {"at": f"{checkpoint.signed_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"}
            )
    return "\n\n".join([*dict.fromkeys(words), checkpoints.given_out(checkpoint)])


def _hash(address: str) -> str:
    key = hashlib.sha256(f"anchor mail {settings.SECRET_KEY}".encode()).digest()
    return hmac.digest(key, address.strip().lower().encode(), "sha256").hex()[:32]
