"""What comes of something that lies elsewhere: a start refused, an alarm each hour, one event a change."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse

from audit.actor import Actor
from tests.people import client_of, make_person
from tests.trail import events
from vault import kms, starting, storage
from vault.access.roles import Role
from vault.kms import Duty
from vault.places import Place, PlaceUnknown
from vault.residency import tasks, watch
from vault.storage import Abilities, StoreUnavailable, StoreUnfit

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
ACTOR = Actor.system("test")
HOME = Place("bucket vault", region="eu-central-1")
REPLICA = Place("replica bucket copy", region="us-west-2")
KEY = Place("key audio-2027-02", region="us-east-1")


class Part:
    """A store, or a key management service, that lies where a test says."""

    def __init__(self, *places: Place | Exception) -> None:
        self.said = list(places)
        self.unfit: Exception | None = None

    def places(self) -> list[Place]:
        for said in self.said:
            if isinstance(said, Exception):
                raise said
        return [said for said in self.said if isinstance(said, Place)]

    def prove(self) -> Abilities:
        if self.unfit:
            raise self.unfit
        return Abilities()


class Built:
    """What the settings would build, once for each process."""

    def __init__(self, part: Part) -> None:
        self.part = part

    def __call__(self) -> Part:
        return self.part

    def cache_clear(self) -> None:
        """Forget nothing."""


@pytest.fixture
def store(monkeypatch) -> Part:
    part = Part(HOME)
    monkeypatch.setattr(storage, "store", Built(part))
    return part


@pytest.fixture
def keys(monkeypatch) -> Part:
    part = Part()
    monkeypatch.setattr(kms, "places", part.places)
    return part


def noted() -> list[tuple[str, str, str]]:
    found = events("residency.violated", "residency.restored")
    facts = [json.loads(bytes(event.entry))["facts"] for event in found]
    return [(event.action.split(".")[1], f["what"], f["why"]) for event, f in zip(found, facts, strict=True)]


def watch_at(hours: int) -> int:
    return watch.watch(actor=ACTOR, now=NOW + timedelta(hours=hours))


def test_all_at_home_is_no_event(db, store, keys):
    assert watch_at(0) == 0
    assert noted() == []


def test_a_violation_is_one_event_however_often_it_is_seen_and_another_when_it_ends(db, store, keys, caplog):
    store.said, keys.said = [HOME, REPLICA], [KEY]
    assert [watch_at(hour) for hour in range(3)] == [2, 2, 2]
    assert sum("outside the allowed places" in str(record.msg) for record in caplog.records) == 6
    keys.said = []
    assert [watch_at(hour) for hour in (3, 4)] == [1, 1]

    assert noted() == [
        ("violated", "replica bucket copy", "region"),
        ("violated", "key audio-2027-02", "region"),
        ("restored", "key audio-2027-02", "region"),
    ]
    assert [violation.what for violation in watch.find_open()] == ["replica bucket copy"]


def test_what_nobody_says_is_a_violation_and_hides_no_end_of_another(db, store, keys):
    store.said = [HOME, REPLICA]
    watch_at(0)
    store.said = [PlaceUnknown("replicas of bucket vault")]
    watch_at(1)

    assert noted() == [
        ("violated", "replica bucket copy", "region"),
        ("violated", "replicas of bucket vault", "unknown"),
    ]
    assert watch.find_open().count() == 2


def test_an_outage_is_a_job_that_failed_and_no_violation(db, store, keys):
    store.said = [StoreUnavailable()]

    with pytest.raises(StoreUnavailable):
        tasks.check()

    assert noted() == []


def test_the_dpo_sees_it_where_keeping_and_letting_go_is_shown(db, store, keys):
    store.said = [HOME, REPLICA]
    watch_at(0)

    page = client_of(make_person(Role.DPO)).get(reverse("retention:overview"))

    assert "replica bucket copy" in page.text
    assert "us-west-2" in page.text


@pytest.mark.parametrize(
    ("places", "named"),
    [
        ([Place("bucket vault", region="us-east-1")], "ALLOWED_REGIONS"),
        ([HOME, REPLICA], "replica bucket copy"),
        ([PlaceUnknown("bucket vault", "Allow s3:GetBucketLocation.")], "Allow s3:GetBucketLocation"),
        ([StoreUnavailable()], "not available"),
    ],
)
def test_nothing_starts_while_anything_lies_elsewhere_or_nobody_says_where(db, store, keys, places, named):
    store.said = places

    with pytest.raises(ImproperlyConfigured, match=named):
        starting.prove_parts()


def test_a_start_that_is_refused_for_a_key_is_noted_in_the_trail(db, store, keys):
    keys.said = [KEY]

    with pytest.raises(ImproperlyConfigured, match="key audio-2027-02"):
        starting.prove_parts()

    assert noted() == [("violated", "key audio-2027-02", "region")]


def test_nothing_starts_on_a_store_that_is_unfit(store, keys):
    store.unfit = StoreUnfit("Use a server that keeps to conditional writes.")

    with pytest.raises(ImproperlyConfigured, match="conditional writes"):
        starting.prove_parts()


def test_the_real_parts_of_this_run_may_start_and_the_store_is_as_before():
    kms.service(Duty.ROTATION).ensure_key("audio-2027-02")
    before = [found.name for found in storage.store().listing("")]

    starting.prove_parts()

    assert [found.name for found in storage.store().listing("")] == before
