"""Which seconds leave: written down before they do, narrowed afterwards to what was really sent.

An answer that has begun counts as under way until what it sent is noted. A grant that is closed meanwhile, or
a process that dies, leaves its minutes as *possibly sent*: rather too much than anything left out.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator, Iterator
from datetime import datetime
from threading import Lock
from uuid import UUID

import structlog
from django.db import DatabaseError, connection, transaction
from django.db.models import F

from audit import trail
from audit.actions import Action
from audit.actor import Actor, Ref
from audit.trail import TrailUnavailable
from recordings import ranges, standing
from recordings.errors import AlreadyErased, PlaybackEnded, Quarantined, Restricted
from recordings.models import GrantWindow, PlaybackGrant, State
from recordings.standing import Standing
from vault.errors import gettext_noop

Window = tuple[int, int]
_PIECE = 65_536
_MOST_STRETCHES = 64  # kept of one minute; of one heard in more pieces, the closest become one
_KEPT_GRANTS = 1_000

log = structlog.get_logger("recordings.sent")


def open_windows(stands: Standing, windows: list[Window], *, actor: Actor, now: datetime) -> None:
    """Commit that an answer of these windows begins, and the event of those that are new to this process.

    Within the same transaction the grant is seen to stand: whoever ends it waits, or comes before this.

    :raises PlaybackEnded: if the grant was ended, or the recording restricted, since it was last looked at.
    :raises AlreadyErased: if the recording was erased since.
    :raises TrailUnavailable: if that does not succeed in time; then nothing may leave.
    """
    new = [window for window in windows if window[0] not in _opened_of(stands.grant_id)]
    try:
        with transaction.atomic(durable=True):
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {trail.TIME_LIMIT_MS:d}")
            _require_standing(stands.grant_id)
            _begin(stands.grant_id, windows, new, now)
            for from_ms, to_ms in ranges.joined(new):
                trail.record(
                    Action.PLAYBACK_WINDOW,
                    actor=actor,
                    target=Ref("recording", str(stands.recording_id)),
                    at=now,
                    purpose=stands.grant.purpose.code,
                    grant=str(stands.grant_id),
                    from_ms=from_ms,
                    to_ms=to_ms,
                )
    except DatabaseError as error:
        connection.close_if_unusable_or_obsolete()
        raise TrailUnavailable(
            gettext_noop("What you asked for cannot be recorded now, so it is not served.")
        ) from error
    _opened_of(stands.grant_id).update(from_ms for from_ms, _ in new)


def tracked(
    stands: Standing, start: int, windows: list[Window], pieces: Iterator[memoryview], *, now: datetime
) -> Generator[memoryview]:
    """Yield the pieces in 64 KiB; when the answer ends, however it does, note what of it was sent."""
    at = start
    try:
        for piece in pieces:
            for offset in range(0, len(piece), _PIECE):
                part = piece[offset : offset + _PIECE]
                at += len(part)  # counted before it leaves: of a broken answer, rather too much
                yield part
    finally:
        _note(stands, start, at, windows, now)


def forget(grant_id: UUID) -> None:
    """Drop what this process remembers of a grant that is over."""
    with _lock:
        _opened.pop(grant_id, None)


_lock = Lock()
_opened: OrderedDict[UUID, set[int]] = OrderedDict()


def _opened_of(grant_id: UUID) -> set[int]:
    """Return which windows of a grant this process has committed; forgetting one only commits it again."""
    with _lock:
        found = _opened.setdefault(grant_id, set())
        _opened.move_to_end(grant_id)
        while len(_opened) > _KEPT_GRANTS:
            _opened.popitem(last=False)
        return found


def _require_standing(grant_id: UUID) -> None:
    """Refuse what was ended, erased or restricted within the two seconds that an answer is remembered."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT granted.ended_at IS NOT NULL, granted.ended_because, recording.state, recording.is_restricted
            FROM recordings_playbackgrant AS granted
            JOIN recordings_recording AS recording ON recording.id = granted.recording_id
            WHERE granted.id = %s FOR SHARE OF granted
            """,
            [grant_id],
        )
        has_ended, because, state, is_restricted = cursor.fetchone()
    if not has_ended and state == State.ACTIVE and not is_restricted:
        return
    standing.forget(grant_id)
    if state == State.ERASED:
        raise AlreadyErased
    raise PlaybackEnded(because=because or (Restricted.code if is_restricted else Quarantined.code))


def _begin(grant_id: UUID, windows: list[Window], new: list[Window], now: datetime) -> None:
    rows = [
        GrantWindow(grant_id=grant_id, from_ms=from_ms, to_ms=to_ms, opened_at=now) for from_ms, to_ms in new
    ]
    # Another process may have opened one of them; its event stands there too.
    GrantWindow.objects.bulk_create(rows, ignore_conflicts=True)
    ours = GrantWindow.objects.filter(grant_id=grant_id, from_ms__in=[from_ms for from_ms, _ in windows])
    # Locked in one order, so that two answers do not wait for each other.
    locked = list(ours.order_by("from_ms").select_for_update().values_list("pk", flat=True))
    GrantWindow.objects.filter(pk__in=locked).update(under_way=F("under_way") + 1)


def _note(stands: Standing, start: int, end: int, windows: list[Window], now: datetime) -> None:
    from_ms, to_ms = stands.audio.ms_at(start), stands.audio.ms_until(end)
    ours = GrantWindow.objects.filter(grant_id=stands.grant_id, from_ms__in=[first for first, _ in windows])
    try:
        # The windows alone: whoever begins an answer locks the grant first, and then waits for them.
        with transaction.atomic():
            found = list(ours.order_by("from_ms").select_for_update())
            for window in found:
                window.under_way -= 1
                first, last = max(from_ms, window.from_ms), min(to_ms, window.to_ms)
                # Bytes of the header play nothing.
                if end > start and first < last:
                    window.sent = ranges.with_one(window.sent, first, last, most=_MOST_STRETCHES)
            GrantWindow.objects.bulk_update(found, ["under_way", "sent"])
        if end > start:
            PlaybackGrant.objects.filter(pk=stands.grant_id).update(last_sent_at=now)
    except DatabaseError as error:
        # The answer stays under way: possibly sent, all of its windows.
        log.error("what was sent is not noted", grant=str(stands.grant_id), error=type(error).__name__)
