"""The tables of the trail. Only this package touches them; nothing in them points to another app's rows.

Events, addenda, leaves, tiles, checkpoints and anchors are only ever inserted: database triggers and the
accounts' privileges forbid the rest. Events and addenda go by the month when their time is over.
"""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

from django.db import models
from django.db.models.functions import Length
from django.db.models.lookups import Exact

from audit.actor import Ref
from audit.findings import Finding


class AuditEvent(models.Model):
    """One thing that happened. The columns repeat what stands in ``entry``, for finding it.

    Personal data: none in clear; ids of accounts and recordings are pseudonyms.

    Partitioned by month of ``recorded_at``; the table and its column ``tx``, by which the sequencer reads,
    are made by SQL in the first migration.
    """

    id = models.UUIDField(primary_key=True, help_text="UUIDv7 of occurred_at.")
    recorded_at = models.DateTimeField(help_text="The database's time of the insert.")
    occurred_at = models.DateTimeField()
    action = models.TextField()
    outcome = models.TextField()
    actor_kind = models.TextField()
    actor_id = models.UUIDField(null=True)
    actor_role = models.TextField()
    target_kind = models.TextField()
    target_id = models.TextField()
    purpose = models.TextField()
    writer = models.UUIDField()
    counter = models.BigIntegerField()
    entry = models.BinaryField(help_text="The exact bytes that are hashed (RFC 8785).")

    class Meta:
        managed = False
        db_table = "audit_event"

    def __str__(self) -> str:
        return f"{self.action} {self.id}"

    @cached_property
    def body(self) -> dict[str, Any]:
        """The entry, parsed; empty where somebody damaged it, so that what is left can still be read and exported."""
        try:
            parsed = json.loads(bytes(self.entry))
        except ValueError:
            return {}
        return parsed if isinstance(parsed, dict) else {}

    @property
    def target(self) -> Ref:
        """What the event is about."""
        return Ref(self.target_kind, self.target_id)


class SubjectKey(models.Model):
    """A key that seals the addenda about one subject in one month; deleting it forgets the subject.

    Personal data: none (the subject is a pseudonym). The key is wrapped under the month's master.
    """

    id = models.UUIDField(primary_key=True)
    subject_kind = models.TextField()
    subject_id = models.TextField()
    month = models.CharField(max_length=7)
    wrapped_key = models.BinaryField()
    created_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(name="audit_subjectkey_by_subject", fields=["subject_kind", "subject_id", "month"])
        ]

    def __str__(self) -> str:
        return f"{self.subject_kind}:{self.subject_id} {self.month}"


class Addendum(models.Model):
    """What an event says about a person, sealed; the entry holds only its digest.

    Personal data: name, address, free text, sealed under the subject's key.

    Partitioned by month of ``recorded_at``, made by SQL in the third migration.
    """

    digest = models.BinaryField(primary_key=True, help_text="SHA-256 of the addendum, as in the entry.")
    recorded_at = models.DateTimeField(help_text="The database's time of the insert.")
    event_id = models.UUIDField()
    key_id = models.UUIDField(help_text="The SubjectKey; no foreign key, because keys are destroyed.")
    sealed = models.BinaryField()

    class Meta:
        managed = False
        db_table = "audit_addendum"

    def __str__(self) -> str:
        return f"addendum of {self.event_id}"


class Lookup(models.Model):
    """Where an event is found by a value that stands nowhere in clear, such as the address it came from.

    Personal data: a keyed hash under the month's lookup key, deleted with the key of the subject it is of.
    """

    id = models.BigAutoField(primary_key=True)
    value = models.BinaryField()
    event_id = models.UUIDField()
    key_id = models.UUIDField(null=True, db_index=True, help_text="The SubjectKey with which it goes.")

    class Meta:
        indexes = [models.Index(name="audit_lookup_by_value", fields=["value", "event_id"])]
        constraints = [
            models.CheckConstraint(
                name="audit_lookup_value_has_16_bytes", condition=Exact(Length("value"), 16)
            )
        ]

    def __str__(self) -> str:
        return f"lookup of {self.event_id}"


class Leaf(models.Model):
    """An event's place in the tree. Personal data: none."""

    index = models.BigIntegerField(primary_key=True)
    event_id = models.UUIDField(unique=True)
    recorded_at = models.DateTimeField()
    hash = models.BinaryField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="audit_leaf_hash_is_a_sha256",
                condition=Exact(Length("hash"), 32),
            ),
            models.CheckConstraint(name="audit_leaf_index_starts_at_zero", condition=models.Q(index__gte=0)),
        ]

    def __str__(self) -> str:
        return f"leaf {self.index}"


class Tile(models.Model):
    """A full tile of the tree (C2SP tlog-tiles): 256 hashes, and the hash of them all. Personal data: none."""

    id = models.BigAutoField(primary_key=True)
    level = models.SmallIntegerField()
    number = models.BigIntegerField()
    hashes = models.BinaryField()
    root = models.BinaryField(help_text="The hash of the whole tile: its place in the level above.")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="audit_tile_stands_once", fields=["level", "number"]),
            models.CheckConstraint(
                name="audit_tile_holds_256_hashes",
                condition=models.Q(Exact(Length("hashes"), 8192)) & models.Q(Exact(Length("root"), 32)),
            ),
        ]

    def __str__(self) -> str:
        return f"tile {self.level}/{self.number}"


class Checkpoint(models.Model):
    """A signed statement of the tree's size and root (C2SP tlog-checkpoint). Personal data: none."""

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField()
    note = models.TextField(help_text="The signed note, as it is given out.")
    signed_at = models.DateTimeField()
    cluster = models.BigIntegerField(help_text="The database cluster whose transaction numbers tx counts in.")
    tx = models.BigIntegerField(help_text="The last transaction that the sequencer has read.")
    number = models.BigIntegerField(default=0, help_text="Which one it is of all there were, counted from 1.")
    number_signature = models.TextField(
        default="", help_text="The log's signature line over number, size and root."
    )

    def __str__(self) -> str:
        return f"checkpoint {self.size}"


class Anchor(models.Model):
    """Evidence, from outside, that a checkpoint existed. Personal data: none."""

    id = models.BigAutoField(primary_key=True)
    size = models.BigIntegerField(db_index=True)
    kind = models.TextField(help_text="witness, mail or locked-copy.")
    place = models.TextField(default="", help_text="Which of its kind: a witness's name, a bucket.")
    evidence = models.BinaryField(help_text="A cosignature, the id of a message, the name of an object.")
    anchored_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.kind} of {self.size}"


class AnchorPlace(models.Model):
    """How it stands with one place that checkpoints are brought to. Personal data: none."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=16)
    name = models.CharField(max_length=200, blank=True)
    origin = models.CharField(max_length=200)
    size = models.BigIntegerField(default=0, help_text="Of the newest checkpoint that it holds.")
    tried_at = models.DateTimeField(null=True)
    worked_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    why = models.CharField(max_length=64, blank=True, help_text="Code of what is wrong.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="audit_anchor_place_stands_once_an_origin", fields=["kind", "name", "origin"]
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class ExportState(models.TextChoices):
    """How far an export is."""

    WAITING = "waiting"
    RUNNING = "running"
    READY = "ready"
    FETCHED = "fetched"
    EXPIRED = "expired"
    FAILED = "failed"


class Export(models.Model):
    """One package of the trail: asked for, made by a job, fetched once, gone after a day.

    Personal data: the id of who asked (a pseudonym); the package itself stands sealed in the object store.
    """

    id = models.UUIDField(primary_key=True)
    asked_by = models.UUIDField(null=True)
    asked_at = models.DateTimeField()
    request_event = models.UUIDField(help_text="The event that stands for asking.")
    format = models.TextField()
    language = models.CharField(max_length=8, default="en", help_text="Of what people read in it.")
    filters = models.JSONField(default=dict)
    with_personal = models.BooleanField(default=False)
    state = models.TextField(choices=ExportState.choices, default=ExportState.WAITING)
    lease_until = models.DateTimeField(null=True)
    attempts = models.SmallIntegerField(default=0)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    tree_size = models.BigIntegerField(null=True)
    ready_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    fetched_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    object_name = models.TextField(blank=True)
    object_version = models.TextField(blank=True)
    data_key_id = models.UUIDField(null=True)
    wrapped_key = models.BinaryField(null=True)
    header = models.BinaryField(null=True)
    sealed_bytes = models.BigIntegerField(null=True)
    plain_bytes = models.BigIntegerField(null=True)
    sha256 = models.TextField(blank=True, help_text="Of the package as it is downloaded.")

    class Meta:
        indexes = [models.Index(name="audit_export_by_time", fields=["-asked_at"])]

    def __str__(self) -> str:
        return f"export {self.id}"


class CheckState(models.TextChoices):
    """How far a check of the whole trail is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Check(models.Model):
    """One check of the whole trail: asked for, done by a job, with what it found. Personal data: none."""

    id = models.UUIDField(primary_key=True)
    asked_by = models.UUIDField(null=True)
    asked_at = models.DateTimeField()
    state = models.TextField(choices=CheckState.choices, default=CheckState.WAITING)
    lease_until = models.DateTimeField(null=True)
    attempts = models.SmallIntegerField(default=0)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    findings = models.JSONField(default=list)
    finished_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(name="audit_check_by_time", fields=["-asked_at"])]

    def __str__(self) -> str:
        return f"check {self.id}"

    @property
    def worded(self) -> list[str]:
        """What it found, in the language of who reads it now."""
        return [str(Finding.from_row(row)) for row in self.findings]


class RemovedMonth(models.Model):
    """A month whose events are gone because their time was over; their hashes stay. Personal data: none."""

    month = models.CharField(max_length=7, primary_key=True)
    first = models.BigIntegerField(help_text="Index of the first event that went.")
    last = models.BigIntegerField()
    events = models.BigIntegerField()
    event_id = models.UUIDField(help_text="The event that says so.")
    removed_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.month


class KnownSetting(models.Model):
    """A setting as a kind of process was last started with it; secrets as a keyed hash. Personal data: none."""

    id = models.BigAutoField(primary_key=True)
    process = models.CharField(max_length=32)
    name = models.CharField(max_length=64)
    value = models.TextField()
    since = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="audit_setting_is_known_once_a_process", fields=["process", "name"])
        ]

    def __str__(self) -> str:
        return f"{self.process} {self.name}"
