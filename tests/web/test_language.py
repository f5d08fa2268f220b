"""Dutch: the catalogue is whole, what is compiled is what is written, and pages hold no English remains."""

from __future__ import annotations

import gettext
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import translation

from audit.actor import Actor, ActorKind
from recordings.models import Recording
from tests import people
from tests.recordings import calls
from vault import clock
from vault.access.models import Team
from vault.access.roles import Role, permissions_of
from vault.approvals.models import Approval
from vault.crypto.container import CopyKind

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("audit", "privacy", "recordings", "retention", "vault")
DUTCH = Path("locale/nl/LC_MESSAGES/django.po")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|{\w+}|</?\w+>")

# Small words that no Dutch sentence has, and hardly any English one lacks.
ENGLISH = frozenset(
    re.findall(
        r"\w+",
        "the and your you this that these with for not from what who which are has were will no nobody yet its "
        "they their by until than when why how may must can only any all none",
    )
)


@pytest.fixture(scope="module")
def found_again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gather all strings again, over a copy of the sources, and return the catalogue that comes of it."""
    copy = tmp_path_factory.mktemp("sources")
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__", "static")
        )
    shutil.copytree(ROOT / "locale", copy / "locale")
    gather = ["-m", "django", "makemessages", "--locale", "nl", "--no-wrap", "--add-location", "file"]
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    subprocess.run([sys.executable, *gather], cwd=copy, env=environment, check=True, capture_output=True)
    return copy / DUTCH


@pytest.mark.parametrize(
    "kind", ["--untranslated", "--only-fuzzy", "--only-obsolete"], ids=["missing", "fuzzy", "obsolete"]
)
def test_every_string_is_translated_and_no_translation_is_left_over(found_again, kind):
    left = _run("msgattrib", kind, "--no-wrap", "--force-po", str(found_again))

    assert not re.findall(r'^(?:#~ )?msgid "(.+)"$', left, flags=re.MULTILINE), left


def test_what_is_compiled_is_what_is_written(tmp_path):
    compiled = tmp_path / "django.mo"

    _run("msgfmt", "--check", "--output-file", str(compiled), str(ROOT / DUTCH))

    assert _catalogue(compiled) == _catalogue((ROOT / DUTCH).with_suffix(".mo"))


def test_a_translation_keeps_its_places_to_fill_in():
    catalogue = _catalogue((ROOT / DUTCH).with_suffix(".mo"))
    pairs = {text: said for text, said in catalogue.items() if isinstance(text, str) and text}

    changed = {
        text: said
        for text, said in pairs.items()
        if sorted(PLACEHOLDER.findall(text)) != sorted(PLACEHOLDER.findall(said))
    }

    assert pairs
    assert not changed


@pytest.fixture(autouse=True)
def _surroundings(settings) -> Iterator[None]:
    """Give the organisation a Dutch name; let the language of a page go no further than its test."""
    settings.ORGANISATION = "Havendal Energie"
    with translation.override("en"):
        yield


@pytest.fixture
def team(db) -> Team:
    return people.make_team("Noord")


@pytest.fixture
def call(team, settings) -> Recording:
    """A call of the team, with consent for some purposes."""
    settings.RECORDING_SCHEDULER = "tests.recordings.calls.plan"
    agent = people.make_person(Role.AGENT, teams=[team], name="Hanna Wit")
    said = calls.document()
    said["parties"][0] |= {"agent_ref": agent.email, "team_ref": team.name}
    for basis in said["lawful_bases"]:
        basis["method"] = "mondeling"
    exchange = Actor(
        kind=ActorKind.SERVICE,
        id=uuid4(),
        role=Role.INTEGRATION,
        access_point="api",
        permissions=permissions_of(Role.INTEGRATION),
    )
    return calls.bring_in(exchange, said=said, now=clock.now())


@pytest.fixture
def named(team, call) -> dict[str, object]:
    """What the addresses of pages name: a call, a copy of it and its key, somebody, and a request about them."""
    administrator = people.client_of(people.make_person(Role.ADMINISTRATOR, name="Bram de Groot"))
    asking = f"/approvals/ask/account.role/{call.agent_id}/?role=dpo"
    administrator.post(asking, {"reason": "Vervangt Karin tijdens haar verlof"})
    return {
        "call": call.pk,
        "copy": call.renditions.get(kind=CopyKind.ORIGINAL).pk,
        "kek": f"audio-{call.key_month}",
        "person": call.agent_id,
        "asked": Approval.objects.get().pk,
    }


PAGES = [
    (Role.SUPERVISOR, "/recordings/"),
    (Role.SUPERVISOR, "/recordings/{call}/"),
    (Role.SUPERVISOR, "/recordings/{call}/lawful-bases/"),
    (Role.SUPERVISOR, "/help/keys/"),
    (Role.SUPERVISOR, "/help/when-may-i-listen/"),
    (Role.SUPERVISOR, "/account/factors/"),
    (Role.SUPERVISOR, "/account/password/change/"),
    (Role.SUPERVISOR, "/me/"),
    (Role.SUPERVISOR, "/trail/"),
    (Role.SUPERVISOR, "/nothing-here/"),
    (Role.DPO, "/recordings/{call}/"),
    (Role.DPO, "/retention/"),
    (Role.DPO, "/retention/recordings/"),
    (Role.DPO, "/retention/recordings/{call}/"),
    (Role.DPO, "/retention/policies/"),
    (Role.DPO, "/retention/policies/new/"),
    (Role.DPO, "/retention/holds/"),
    (Role.DPO, "/retention/holds/new/"),
    (Role.DPO, "/retention/erasures/"),
    (Role.DPO, "/approvals/"),
    (Role.DPO, "/approvals/{asked}/"),
    (Role.DPO, "/approvals/ask/data-key.export/{copy}/"),
    (Role.ADMINISTRATOR, "/people/"),
    (Role.ADMINISTRATOR, "/people/{person}/"),
    (Role.ADMINISTRATOR, "/people/invite/"),
    (Role.ADMINISTRATOR, "/teams/"),
    (Role.ADMINISTRATOR, "/tokens/"),
    (Role.ADMINISTRATOR, "/keys/"),
    (Role.ADMINISTRATOR, "/keys/{kek}/"),
]


ANSWERS = {(Role.SUPERVISOR, "/trail/"): 403, (Role.SUPERVISOR, "/nothing-here/"): 404}


@pytest.mark.parametrize(("role", "path"), PAGES, ids=[f"{role} {path}" for role, path in PAGES])
def test_a_page_in_dutch_holds_no_english(role, path, team, named):
    reader = _in_dutch(people.client_of(people.make_person(role, teams=[team], name="Ina Verhoef")))

    answer = reader.get(path.format(**named))
    page = answer.content.decode()

    assert answer.status_code == ANSWERS.get((role, path), 200)
    assert '<html lang="nl"' in page
    assert not _english(page)


def test_the_trail_tells_in_dutch_what_happened(team, call):
    supervisor = people.make_person(Role.SUPERVISOR, teams=[team], name="Ina Verhoef")
    people.client_of(supervisor).get(f"/recordings/{call.pk}/")
    reader = _in_dutch(people.client_of(people.make_person(Role.DPO, name="Karin Maas")))

    page = reader.get("/trail/").content.decode()

    assert "<b>Ina Verhoef</b> opende <a" in page
    assert "leverde <a" in page
    assert not _english(page)


def test_the_player_speaks_dutch(team, call):
    reader = _in_dutch(people.client_of(people.make_person(Role.SUPERVISOR, teams=[team])))

    page = reader.post(
        reverse("recordings:listen", args=[call.pk]),
        {"purpose": "complaint", "reason": "Tweede klacht over de rekening"},
        follow=True,
    ).content.decode()

    assert "U luistert voor <b>Klachtafhandeling</b>" in page
    assert "U hoort beide kanten" in page
    assert not _english(page)


def test_nobody_needs_an_account_to_be_met_in_dutch(db):
    stranger = Client(headers={"Accept-Language": "nl-NL,nl;q=0.9,en;q=0.8"})

    page = stranger.get("/account/login/").content.decode()

    assert '<html lang="nl"' in page
    assert not _english(page)


def test_a_refusal_is_explained_in_dutch_to_people_and_to_programs(team):
    supervisor = people.make_person(Role.SUPERVISOR, teams=[team])
    reader = _in_dutch(people.client_of(supervisor))
    unknown = uuid4()

    page = reader.get(f"/recordings/{unknown}/").content.decode()
    problem = reader.get(f"/api/v1/recordings/{unknown}").json()

    assert "Deze opname bestaat niet of valt buiten uw bereik" in page
    assert problem["title"] == "Deze opname bestaat niet of valt buiten uw bereik"
    assert problem["code"] == "no-such-recording"


def test_the_language_is_chosen_once_and_can_be_chosen_back(db):
    reader = people.client_of(people.make_person(Role.SUPERVISOR))

    for language in ("nl", "en"):
        reader.post("/preferences/", {"language": language, "next": "/recordings/"})

        assert f'<html lang="{language}"' in reader.get("/recordings/").content.decode()


def _in_dutch(reader: Client) -> Client:
    reader.cookies[settings.LANGUAGE_COOKIE_NAME] = "nl"
    return reader


def _english(page: str) -> set[str]:
    """Return the English words that a page says, aloud too; what is marked as another language is left out."""
    body = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    body = re.sub(r'<(\w+)[^>]* lang="en"[^>]*>.*?</\1>', " ", body, flags=re.DOTALL)
    aloud = re.findall(r'(?:aria-label|title|alt|placeholder)="([^"]*)"', body)
    said = re.findall(r'<script id="player-words"[^>]*>(.*?)</script>', page, flags=re.DOTALL)
    text = unescape(" ".join([re.sub(r"<[^>]*>", " ", body), *aloud, *said]))
    words = {word.strip(".,:;?!()[]{}“”\"'").lower() for word in text.split()}
    return words & ENGLISH


def _catalogue(compiled: Path) -> dict[str | tuple[str, int], str]:
    with compiled.open("rb") as file:
        catalogue: dict[str | tuple[str, int], str] = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    return catalogue


def _run(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout
