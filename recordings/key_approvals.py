"""What nobody does alone with keys: destroying one outside its schedule, taking a data key out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from audit import trail
from audit.actions import Action
from audit.actor import Actor, Ref
from audit.subjects import Subject
from recordings import keks, keys
from recordings.models import Recording, Rendition, State
from vault.approvals import kinds, words
from vault.approvals.errors import ParametersInvalid
from vault.approvals.kinds import CarriedOut, Described, Kind, Line
from vault.approvals.models import Approval
from vault.crypto.container import CopyKind
from vault.errors import Missing, gettext_noop
from vault.permissions import Permission
from vault.web.words import moment_exact

KEY_DESTROY = "key.destroy"
DATA_KEY_EXPORT = "data-key.export"

COPY_NAMES = {
    CopyKind.ORIGINAL: gettext_lazy("The audio as it came"),
    CopyKind.PLAYABLE: gettext_lazy("The audio as browsers play it"),
    CopyKind.REDACTED: gettext_lazy("The audio with passages destroyed"),
    CopyKind.WAVEFORM: gettext_lazy("The waveform"),
    CopyKind.TRANSCRIPT: gettext_lazy("The transcript"),
}


class NoSuchCopy(Missing):
    """There is no such stored copy, or its recording is out of reach."""

    code = "no-such-copy"
    title = gettext_noop("There is no such stored copy")


@dataclass(frozen=True, slots=True)
class ExportedKey:
    """All that it takes to find one stored object and to open it without us: ``docs/guides/opening-without-us.md``."""

    data_key: bytes = field(repr=False)
    rendition: Rendition

    def as_json(self) -> dict[str, str | int]:
        """Return what ``open_sealed.py`` reads, and where the object stands."""
        copy = self.rendition
        return {
            "data_key": self.data_key.hex(),
            "recording_id": str(copy.recording_id),
            "key_id": str(copy.key_id),
            "kind": copy.kind,
            "object_name": copy.object_name,
            "object_version": copy.object_version,
            "sealed_length": copy.sealed_length,
            "sealed_sha256": bytes(copy.sealed_sha256).hex(),
            "media_type": copy.media_type,
        }


def register() -> None:
    """Make the kinds known."""
    kinds.register(KeyDestruction())
    kinds.register(DataKeyExport())


def forget_reasons(recording: Recording) -> None:
    """Forget why keys of its copies were asked for, in the transaction that erases it, before its copies go."""
    copies = [str(copy_id) for copy_id in recording.renditions.values_list("pk", flat=True)]
    if copies:
        words.forget(DATA_KEY_EXPORT, copies)


class KeyDestruction(Kind):
    """Destroy a month's key-encryption key before the schedule does."""

    code = KEY_DESTROY
    title = gettext_lazy("Destroy a key before its time")
    explanation = gettext_lazy(
        "Approving closes the key at once, and the next run destroys it in the key management service. Nothing"
        " that is kept may need it; whatever was wrapped under it can never be opened again, not from a backup"
        " either. New calls whose retention ends in that month come under the key for calls without a known end."
    )
    ask = Permission.KEY_MANAGE
    decide = Permission.KEY_DESTROY_DECIDE

    def check(self, asked: Approval, *, asker: Actor) -> None:
        """Refuse a key that something lives on, that belongs to no month, or that has been closed."""
        if asked.parameters:
            raise ParametersInvalid
        keks.check_may_end(asked.target_id)

    def ref(self, asked: Approval) -> Ref:
        """Return the key."""
        return keks.ref(asked.target_id)

    def describe(self, asked: Approval, *, reader: Actor, now: datetime) -> Described:
        """Say which key, since when, and that nothing lives on it."""
        kek, lives = keks.require(asked.target_id), keks.lives_on(asked.target_id)
        return Described(
            kek.name,
            (
                Line(pgettext("of encryption", "Key"), kek.name, reverse("keys:key", args=[kek.name])),
                Line(_("Made"), moment_exact(kek.made_at)),
                Line(_("Data keys under it"), str(lives.data_keys)),
            ),
        )

    def carry_out(self, asked: Approval, prepared: Any, *, actor: Actor, now: datetime) -> None:
        """Close it; the job destroys what is closed."""
        keks.close(asked.target_id, why="two people", approval=asked.pk, actor=actor, now=now)


class DataKeyExport(Kind):
    """Take the data key of one stored copy out, for whoever asked, once."""

    code = DATA_KEY_EXPORT
    title = gettext_lazy("Take a data key out")
    explanation = gettext_lazy(
        "Once this is approved, the person who asked can download the key of this one stored copy, once. Whoever"
        " has that key and the object can open the recording outside the vault, where nothing writes down who"
        " listens."
    )
    ask = Permission.DATA_KEY_EXPORT
    decide = Permission.DATA_KEY_EXPORT_DECIDE
    carried_out = CarriedOut.BY_REQUESTER
    sends_file = True

    def check(self, asked: Approval, *, asker: Actor) -> None:
        """Refuse a copy out of the asker's reach, and one of a recording that is erased."""
        if asked.parameters:
            raise ParametersInvalid
        copy = _copy(asked)
        Recording.objects.select_for_update(no_key=True, of=("self",)).visible_to(asker).require_kept(
            copy.recording_id
        )

    def ref(self, asked: Approval) -> Ref:
        """Return the recording; once it is erased, the request's own id is all that is left to name."""
        copy = Rendition.objects.filter(pk=_copy_id(asked)).first()
        return Ref("recording", str(copy.recording_id)) if copy else Ref("key", asked.target_id)

    def subject(self, asked: Approval) -> Subject:
        """Forget the words with the recording: they may speak of who is on it."""
        copy = Rendition.objects.filter(pk=_copy_id(asked)).first()
        return Subject.recording(copy.recording_id) if copy else super().subject(asked)

    def sealing_key(self, asked: Approval) -> bytes | None:
        """Seal the words with the recording."""
        copy = Rendition.objects.filter(pk=_copy_id(asked)).first()
        return keys.find_field_key(copy.recording_id) if copy else None

    def describe(self, asked: Approval, *, reader: Actor, now: datetime) -> Described:
        """Say which copy of which call."""
        copy = Rendition.objects.select_related("recording").filter(pk=_copy_id(asked)).first()
        if copy is None:
            return Described(_("a copy that has been erased"))
        may_see = reader.may(Permission.RETENTION_READ)
        url = reverse("retention:recording", args=[copy.recording_id]) if may_see else ""
        name = str(COPY_NAMES[CopyKind(copy.kind)])
        began_at = moment_exact(copy.recording.started_at)
        return Described(
            f"{name}, {began_at}",
            (
                Line(_("Recording"), str(copy.recording_id), url),
                Line(_("Call of"), began_at),
                Line(_("Copy"), name),
                Line(_("Object"), copy.object_name),
            ),
            _warning(copy.recording),
        )

    def prepare(self, asked: Approval, reason: str) -> bytes:
        """Unwrap the key, which asks the key management service."""
        return keys.open_data_key(_copy(asked))

    def carry_out(self, asked: Approval, prepared: bytes, *, actor: Actor, now: datetime) -> ExportedKey:
        """Write down that it leaves; the event stands before the first byte of it is sent."""
        copy = _copy(asked)
        trail.record(
            Action.DATA_KEY_EXPORTED,
            actor=actor,
            target=Ref("recording", str(copy.recording_id)),
            at=now,
            approval=str(asked.pk),
            kind=CopyKind(copy.kind).name.lower(),
            sha256=bytes(copy.sealed_sha256).hex(),
        )
        return ExportedKey(prepared, copy)

    def show(self, request: HttpRequest, result: Any) -> HttpResponse:
        """Send the file that opens the object."""
        exported = cast(ExportedKey, result)
        response = HttpResponse(
            json.dumps(exported.as_json(), indent=1) + "\n", content_type="application/json"
        )
        response["Content-Disposition"] = f'attachment; filename="key-{exported.rendition.key_id}.json"'
        response["Cache-Control"] = "no-store"
        return response


def _warning(recording: Recording) -> str:
    """Say what the vault itself would not let anybody listen to: with its key nothing stands in the way."""
    if recording.is_restricted:
        return _("This recording is restricted: it is kept, and in the vault nobody may use it.")
    if recording.state == State.QUARANTINED:
        return _("This recording is in quarantine: no lawful basis was found for it.")
    return ""


def _copy_id(asked: Approval) -> UUID:
    return kinds.target_uuid(asked, NoSuchCopy)


def _copy(asked: Approval) -> Rendition:
    copy = Rendition.objects.filter(pk=_copy_id(asked)).first()
    if copy is None:
        raise NoSuchCopy
    return copy
