"""What the vault knows of a call.

The list's table is narrow; wide sealed columns stand in ``Details``. Wrapped keys stand in a table of their
own, the key store, which has its own short backup window. Personal data in clear: none; numbers, names and
references are sealed under the recording's field key and found by blind index.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from recordings.errors import AlreadyErased, NoSuchRecording

if TYPE_CHECKING:
    from audit.actor import Actor


class State(models.TextChoices):
    """Where a recording stands."""

    ACTIVE = "active", "Kept"
    QUARANTINED = "quarantined", "Quarantined"
    ERASED = "erased", "Erased"


class Direction(models.TextChoices):
    """Who called whom."""

    IN = "in", "Incoming"
    OUT = "out", "Outgoing"
    INTERNAL = "internal", "Internal"


class Basis(models.TextChoices):
    """Lawful bases of Art. 6(1) GDPR."""

    CONSENT = "consent", "Consent"
    CONTRACT = "contract", "Contract"
    LEGAL_OBLIGATION = "legal_obligation", "Legal obligation"
    VITAL_INTERESTS = "vital_interests", "Vital interests"
    PUBLIC_TASK = "public_task", "Public task"
    LEGITIMATE_INTERESTS = "legitimate_interests", "Legitimate interests"


class BasisStatus(models.TextChoices):
    """What one entry of the history says."""

    GRANTED = "granted", "Given"
    REFUSED = "refused", "Refused"
    WITHDRAWN = "withdrawn", "Withdrawn"


class PartyRole(models.TextChoices):
    """What someone, or something, is on the call."""

    AGENT = "agent", "Agent"
    CUSTOMER = "customer", "Customer"
    MIXED = "mixed", "Everyone"
    IVR = "ivr", "Machine"
    OTHER = "other", "Other"


class RecordingQuerySet(models.QuerySet["Recording"]):
    """The only way to a recording by id: what is out of reach looks like what does not exist."""

    def visible_to(self, actor: Actor) -> RecordingQuerySet:
        """Keep the recordings within the actor's reach: a team gives reach, the DPO reaches all."""
        from recordings.reach import reach_of

        return self.filter(reach_of(actor))

    def require(self, recording_id: uuid.UUID) -> Recording:
        """Return the recording, or refuse alike for unknown and for out of reach."""
        recording = self.filter(pk=recording_id).first()
        if recording is None:
            raise NoSuchRecording
        return recording

    def require_kept(self, recording_id: uuid.UUID) -> Recording:
        """Return the recording, unless only its tombstone is left.

        :raises AlreadyErased: if it has been erased.
        """
        recording = self.require(recording_id)
        if recording.is_erased:
            raise AlreadyErased
        return recording


class Purpose(models.Model):
    """Why a call is kept or listened to; the customer's own list."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    for_listening = models.BooleanField(default=True)
    covered_by = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        help_text="The purpose whose lawful basis covers this one; itself when empty.",
    )
    position = models.PositiveSmallIntegerField(default=0, help_text="Order in which people are offered it.")
    is_active = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name


class Recording(models.Model):
    """One call's audio with its metadata; after erasure, the tombstone: id, dates and team."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    state = models.CharField(max_length=12, choices=State)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    duration_ms = models.BigIntegerField(null=True)
    direction = models.CharField(max_length=8, choices=Direction)
    team = models.ForeignKey("access.Team", null=True, on_delete=models.PROTECT, related_name="+")
    agent = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    queue = models.CharField(max_length=80, blank=True)
    category = models.CharField(max_length=80, blank=True)
    language = models.CharField(max_length=8, blank=True)
    brought_by = models.UUIDField(
        null=True, help_text="The account or token that brought it in; none: a command."
    )
    ingested_at = models.DateTimeField()

    # Lawful basis: the verdict of the history, for the list; the history decides.
    basis = models.CharField(max_length=24, choices=Basis, blank=True)
    basis_status = models.CharField(max_length=10, choices=BasisStatus, blank=True)
    quarantined_because = models.CharField(max_length=40, blank=True)

    # Retention: written by recordings.expiry and retention.holds alone.
    expires_at = models.DateTimeField(null=True)
    keep_until_at_least = models.DateTimeField(null=True)
    policy_id = models.UUIDField(null=True)
    policy_version = models.PositiveIntegerField(null=True)
    policy_name = models.CharField(max_length=120, blank=True)
    in_conflict = models.BooleanField(default=False)
    key_month = models.CharField(
        max_length=7, help_text="Month whose keys wrap this one's: 2027-02, or open."
    )
    planned_month = models.CharField(
        max_length=7, help_text="Month of its planned end; a sweep moves the keys."
    )
    is_held = models.BooleanField(default=False)
    is_restricted = models.BooleanField(default=False)
    is_frozen = models.BooleanField(default=False)
    erased_at = models.DateTimeField(null=True)
    derive_at = models.DateTimeField(
        null=True, help_text="When to make its waveform; none: nothing is to be made."
    )

    objects = RecordingQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["-started_at", "-id"], name="recording_newest_first"),
            models.Index(fields=["team", "-started_at", "-id"], name="recording_team_newest_first"),
            models.Index(fields=["agent", "-started_at", "-id"], name="recording_agent_newest_first"),
            models.Index(
                fields=["expires_at", "id"],
                name="recording_due",
                condition=~Q(state="erased") & Q(is_held=False, is_restricted=False, is_frozen=False),
            ),
            models.Index(fields=["key_month", "expires_at"], name="recording_key_month"),
            models.Index(
                fields=["key_month", "erased_at"],
                name="recording_erased_by_month",
                condition=Q(state="erased"),
            ),
            models.Index(
                fields=["derive_at"], name="recording_to_derive", condition=Q(derive_at__isnull=False)
            ),
            # The few that the DPO's overview counts and lists, those that end first at the top.
            *(
                models.Index(fields=["expires_at", "id"], name=f"recording_{name}", condition=condition)
                for name, condition in {
                    "held": Q(is_held=True),
                    "frozen": Q(is_frozen=True),
                    "restricted": Q(is_restricted=True),
                    "in_conflict": Q(in_conflict=True),
                    "quarantined": Q(state="quarantined"),
                }.items()
            ),
            models.Index(
                fields=["id"],
                name="recording_keys_to_move",
                condition=~Q(state="erased") & ~Q(key_month=F("planned_month")),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="recording_erased_at_says_when_state_is_erased",
                condition=Q(state="erased", erased_at__isnull=False)
                | (~Q(state="erased") & Q(erased_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="recording_quarantine_has_a_reason",
                condition=~Q(state="quarantined") | ~Q(quarantined_because=""),
            ),
            models.CheckConstraint(
                name="recording_erased_keeps_no_agent_queue_or_category",
                condition=~Q(state="erased") | Q(agent__isnull=True, queue="", category=""),
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def is_erased(self) -> bool:
        """Say whether only the tombstone is left."""
        return self.state == State.ERASED


class Details(models.Model):
    """A recording's wide sealed columns. Personal data, each sealed under the recording's field key."""

    recording = models.OneToOneField(
        Recording, primary_key=True, on_delete=models.CASCADE, related_name="details"
    )
    source_sealed = models.BinaryField(help_text="System, account and recording id at the source.")
    reference_sealed = models.BinaryField(null=True, help_text="The customer's reference.")
    reference_index = models.BinaryField(max_length=16, null=True)
    extra_sealed = models.BinaryField(
        null=True, help_text="Allowed further keys of the side-car; turns, marks."
    )

    class Meta:
        indexes = [models.Index(fields=["reference_index"], name="details_reference_index")]

    def __str__(self) -> str:
        return str(self.recording_id)


class Party(models.Model):
    """Someone on the call. Personal data: number and name, sealed under the recording's field key."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recording = models.ForeignKey(Recording, on_delete=models.CASCADE, related_name="parties")
    position = models.PositiveSmallIntegerField(help_text="Index in the side-car's list of parties.")
    role = models.CharField(max_length=12, choices=PartyRole)
    channel = models.PositiveSmallIntegerField(null=True)
    number_sealed = models.BinaryField(null=True)
    number_index = models.BinaryField(max_length=16, null=True)
    name_sealed = models.BinaryField(null=True)
    ref_sealed = models.BinaryField(null=True, help_text="How the source names an agent.")

    class Meta:
        indexes = [models.Index(fields=["number_index"], name="party_number_index")]
        constraints = [
            models.UniqueConstraint(
                fields=["recording", "position"], name="party_has_one_place_in_a_recording"
            )
        ]

    def __str__(self) -> str:
        return str(self.id)


class LawfulBasis(models.Model):
    """One entry of the append-only history of a party's lawful basis for a purpose.

    Personal data: the reference to the evidence, sealed under the recording's field key.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recording = models.ForeignKey(Recording, on_delete=models.CASCADE, related_name="lawful_bases")
    party = models.ForeignKey(Party, on_delete=models.CASCADE, related_name="+")
    purpose = models.ForeignKey(Purpose, on_delete=models.PROTECT, related_name="+")
    basis = models.CharField(max_length=24, choices=Basis)
    status = models.CharField(max_length=10, choices=BasisStatus)
    method = models.CharField(max_length=40, blank=True, help_text="spoken, keypad, web form, letter, …")
    at = models.DateTimeField(help_text="When the party said so.")
    audio_offset_ms = models.BigIntegerField(null=True, help_text="Where in the audio the evidence is.")
    evidence_sealed = models.BinaryField(null=True, help_text="Where the evidence is kept.")
    notice_version = models.CharField(max_length=40, blank=True)
    language = models.CharField(max_length=8, blank=True)
    number = models.PositiveIntegerField(help_text="Place in the recording's history, from 0.")
    recorded_at = models.DateTimeField()
    recorded_by = models.UUIDField(null=True, help_text="The account or token; none: a command.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["recording", "number"], name="lawful_basis_history_is_numbered")
        ]

    def __str__(self) -> str:
        return str(self.id)


class StoredKey(models.Model):
    """The key store: one wrapped key a stored object, and one for a recording's fields. No row, no audio.

    No foreign keys: the table stands alone, with its own backup window.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recording_id = models.UUIDField(db_index=True)
    kind = models.PositiveSmallIntegerField(
        help_text="Kind of copy (vault.crypto.container.CopyKind), 32 = fields."
    )
    kek = models.CharField(max_length=40, help_text="Key-encryption key, or field master, that wraps it.")
    kek_version = models.PositiveIntegerField(
        default=0, help_text="Version of the key-encryption key, or generation of the field master."
    )
    wrapped = models.BinaryField()
    created_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["kek", "kek_version", "id"], name="storedkey_by_kek")]

    def __str__(self) -> str:
        return str(self.id)


class KeyWorkKind(models.TextChoices):
    """Why a key-encryption key gets a new version."""

    ROTATE = "rotate", _("New version")
    HARDEN = "harden", _("New version, older ones destroyed")
    REPLACE = "replace", _("Replaced because it may be known to others")


class KeyWork(models.Model):
    """A new version of one key-encryption key, and how far its data keys have come. Holds no personal data.

    It stands still after any crash and goes on from where it stood.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kek = models.CharField(max_length=80)
    kind = models.CharField(max_length=8, choices=KeyWorkKind)
    asked_by = models.UUIDField(null=True, help_text="The account; none: the schedule or a command.")
    asked_at = models.DateTimeField()
    version = models.PositiveIntegerField(null=True, help_text="The new version; none: not made yet.")
    after_version = models.PositiveIntegerField(
        default=0, help_text="Version of the last data key looked at."
    )
    after = models.UUIDField(default=uuid.UUID(int=0), help_text="The last data key that was looked at.")
    total = models.BigIntegerField(default=0)
    rewrapped = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(
        default=0, help_text="Keys that do not unwrap: altered, or of another recording."
    )
    moved_at = models.DateTimeField(help_text="When it last got on.")
    trim_at = models.DateTimeField(
        null=True, help_text="From when the older versions may go: a backup from after the rewrapping exists."
    )
    finished_at = models.DateTimeField(null=True)
    stuck_at = models.DateTimeField(null=True, help_text="When it was given up for somebody to look at.")

    class Meta:
        indexes = [models.Index(fields=["kek", "-asked_at"], name="keywork_of_a_kek")]
        constraints = [
            models.UniqueConstraint(
                fields=["kek"],
                name="keywork_is_one_at_a_time",
                condition=Q(finished_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.kek}"


class Rendition(models.Model):
    """A stored form of a recording, sealed. The object's name is random and says nothing."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recording = models.ForeignKey(Recording, on_delete=models.CASCADE, related_name="renditions")
    kind = models.PositiveSmallIntegerField(help_text="Kind of copy (vault.crypto.container.CopyKind).")
    key_id = models.UUIDField(unique=True, help_text="The StoredKey that opens it.")
    object_name = models.CharField(max_length=80, unique=True)
    object_version = models.CharField(max_length=200, blank=True)
    container_version = models.PositiveSmallIntegerField(default=1)
    header = models.BinaryField(
        max_length=56, help_text="The container's first bytes: a seek needs no extra read."
    )
    sealed_length = models.BigIntegerField()
    sealed_sha256 = models.BinaryField(max_length=32)
    plain_length = models.BigIntegerField()
    media_type = models.CharField(max_length=40)
    facts = models.JSONField(
        default=dict, help_text="Codec, channels, rate, offset of the samples, block size."
    )
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["recording", "kind"], name="rendition_is_one_of_its_kind")
        ]

    def __str__(self) -> str:
        return str(self.id)


class SourceIdentity(models.Model):
    """Which call at which source, as a keyed hash. Outlives erasure: an erased call sent again is refused."""

    digest = models.BinaryField(max_length=32, primary_key=True)
    recording_id = models.UUIDField(unique=True)
    plain_sha256_keyed = models.BinaryField(
        max_length=32,
        null=True,
        help_text="Keyed hash of the audio: the same call with other bytes is refused.",
    )

    def __str__(self) -> str:
        return str(self.recording_id)


class Intake(models.Model):
    """A call announced, whose audio has not come yet; lives a day.

    Personal data: the metadata, sealed under a field key of its own, which the recording takes over.
    """

    id = models.UUIDField(
        primary_key=True, default=uuid.uuid4, editable=False, help_text="Becomes the recording's."
    )
    source_digest = models.BinaryField(max_length=32, unique=True)
    metadata_sealed = models.BinaryField()
    key_month = models.CharField(max_length=7)
    brought_by = models.UUIDField(null=True)
    announced_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return str(self.id)


class PendingObject(models.Model):
    """An object that is being written, or whose writer died: committed before its first byte is sent.

    The transaction that takes the object into use deletes the row; the sweep deletes the object of a row whose
    lease has run out. While the lease runs, nobody else writes that kind of copy of that recording.
    """

    object_name = models.CharField(max_length=80, primary_key=True)
    recording_id = models.UUIDField(db_index=True)
    kind = models.PositiveSmallIntegerField(help_text="Kind of copy (vault.crypto.container.CopyKind).")
    lease_until = models.DateTimeField(db_index=True)
    is_condemned = models.BooleanField(
        default=False, help_text="The sweep deletes it: too late to take it in."
    )

    def __str__(self) -> str:
        return self.object_name


class PlaybackGrant(models.Model):
    """One permitted listening: this person, session, recording and purpose, for some minutes."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recording = models.ForeignKey(Recording, on_delete=models.CASCADE, related_name="grants")
    account_id = models.UUIDField(db_index=True)
    session = models.CharField(max_length=64, help_text="Keyed hash of the session.")
    purpose = models.ForeignKey(Purpose, on_delete=models.PROTECT, related_name="+")
    granted_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    last_sent_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    ended_because = models.CharField(max_length=40, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["expires_at"], name="grant_open", condition=Q(ended_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return str(self.id)


class GrantWindow(models.Model):
    """A minute of audio that a grant was, or may have been, sent; committed before its first byte leaves."""

    id = models.BigAutoField(primary_key=True)
    grant = models.ForeignKey(PlaybackGrant, on_delete=models.CASCADE, related_name="windows")
    from_ms = models.BigIntegerField()
    to_ms = models.BigIntegerField()
    sent = models.JSONField(
        default=list,
        help_text="Stretches that were really sent, by the answers that have ended: [from_ms, to_ms], in order.",
    )
    under_way = models.IntegerField(
        default=0,
        help_text="Answers that have not ended, or whose process died: possibly all of it was sent.",
    )
    opened_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["grant", "from_ms"], name="grant_window_is_opened_once")
        ]

    def __str__(self) -> str:
        return str(self.id)
