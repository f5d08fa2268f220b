"""Signed-in sessions: begun by a sign-in, ended by sign-out, idleness, age, or an act on the account."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest

from audit import trail
from audit.actions import Action
from audit.actor import Actor, Ref
from vault.access.models import SecondFactor, SignIn, User

SESSION_KEY = "sign_in"
SEEN_EVERY = timedelta(minutes=1)
KEPT_AFTER_END = timedelta(days=90)


def begin(
    request: HttpRequest, user: User, second_factor: SecondFactor, *, actor: Actor, now: datetime
) -> SignIn:
    """Note that somebody signed in, in this browser's session. Runs in the caller's transaction."""
    sign_in = SignIn.objects.create(
        user=user,
        second_factor=second_factor,
        device=device_of(request.headers.get("User-Agent", "")),
        started_at=now,
        seen_at=now,
    )
    request.session[SESSION_KEY] = str(sign_in.pk)
    trail.record(
        Action.SESSION_SIGNED_IN,
        actor=actor,
        target=Ref("session", str(sign_in.pk)),
        at=now,
        method=second_factor or "invitation",
    )
    return sign_in


def find(request: HttpRequest, user: User) -> SignIn | None:
    """Return the session that this request belongs to, if it has not been ended."""
    sign_in_id = request.session.get(SESSION_KEY)
    if not sign_in_id:
        return None
    return SignIn.objects.filter(pk=sign_in_id, user=user, ended_at__isnull=True).first()


def why_over(sign_in: SignIn, now: datetime) -> str:
    """Return why a session can go on no longer, or nothing."""
    if now - sign_in.seen_at > settings.SESSION_IDLE:
        return "idle"
    if now - sign_in.started_at > timedelta(seconds=settings.SESSION_COOKIE_AGE):
        return "too-old"
    return ""


def note_seen(sign_in: SignIn, now: datetime) -> None:
    """Move the idle clock, at most once a minute."""
    if now - sign_in.seen_at >= SEEN_EVERY:
        SignIn.objects.filter(pk=sign_in.pk, seen_at__lt=now - SEEN_EVERY).update(seen_at=now)


@transaction.atomic
def end(sign_in: SignIn, because: str, *, actor: Actor, now: datetime) -> None:
    """End one session and write it down; one that has ended stays as it was."""
    ended = SignIn.objects.filter(pk=sign_in.pk, ended_at__isnull=True).update(
        ended_at=now, ended_because=because
    )
    if ended:
        trail.record(
            Action.SESSION_SIGNED_OUT,
            actor=actor,
            target=Ref("session", str(sign_in.pk)),
            at=now,
            why=because,
        )


def end_all(user: User, because: str, *, now: datetime, but: UUID | None = None) -> int:
    """End a person's sessions in the caller's transaction, which also records why. Return how many."""
    standing = SignIn.objects.filter(user=user, ended_at__isnull=True)
    if but is not None:
        standing = standing.exclude(pk=but)
    return standing.update(ended_at=now, ended_because=because)


def end_expired(*, now: datetime) -> int:
    """End sessions that ran out unseen, and forget old ones. Return how many were ended."""
    limit = timedelta(seconds=settings.SESSION_COOKIE_AGE)
    standing = SignIn.objects.filter(ended_at__isnull=True)
    run_out = standing.filter(seen_at__lt=now - settings.SESSION_IDLE) | standing.filter(
        started_at__lt=now - limit
    )
    ended = 0
    for sign_in in run_out.select_related("user").order_by("pk").iterator(chunk_size=500):
        end(
            sign_in,
            why_over(sign_in, now),
            actor=Actor.system("task:access.forget_expired_sessions"),
            now=now,
        )
        ended += 1
    SignIn.objects.filter(ended_at__lt=now - KEPT_AFTER_END).delete()
    Session.objects.filter(expire_date__lt=now).delete()
    return ended


_BROWSERS = ("Edg", "OPR", "Firefox", "Chrome", "Safari")
_NAMES = {"Edg": "Edge", "OPR": "Opera"}
_SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux")


def device_of(user_agent: str) -> str:
    """Return browser and system in words, and nothing more of what the browser says about itself."""
    browser = next((name for name in _BROWSERS if f"{name}/" in user_agent), "")
    system = next((name for name in _SYSTEMS if name in user_agent), "")
    return ", ".join(part for part in (_NAMES.get(browser, browser), system) if part)
