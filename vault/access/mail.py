"""Mail that leaves after the answer: how long an answer took must not tell whether an account exists."""

from __future__ import annotations

import smtplib

import structlog
from django.core.mail import EmailMessage
from django.http import HttpRequest, HttpResponse

log = structlog.get_logger("vault.access")


def send_after_answer(request: HttpRequest, message: EmailMessage) -> None:
    """Keep a message until the answer to this request has left."""
    waiting: list[EmailMessage] = getattr(request, "waiting_mail", [])
    request.waiting_mail = [*waiting, message]  # type: ignore[attr-defined]


def send_with(request: HttpRequest, response: HttpResponse) -> None:
    """Send what waits when the server closes the answer; nothing goes out for what failed or was not recorded."""
    waiting: list[EmailMessage] = getattr(request, "waiting_mail", [])
    if waiting and response.status_code < 500:
        response._resource_closers.append(lambda: _send(waiting))  # type: ignore[attr-defined]


def _send(messages: list[EmailMessage]) -> None:
    for message in messages:
        try:
            message.send()
        except (OSError, smtplib.SMTPException) as error:
            log.error("mail not sent", error=type(error).__name__)
