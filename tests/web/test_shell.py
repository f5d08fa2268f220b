"""The shell around every page: who sees which entries, where one lands, what an error looks like."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from tests.people import client_of, make_person, make_team
from vault.access.roles import PEOPLES_ROLES, Role

SEEN = {
    Role.AGENT: [],
    Role.SUPERVISOR: ["Recordings", "Keys for the player", "When may I listen?"],
    Role.REVIEWER: ["Recordings", "Keys for the player", "When may I listen?"],
    Role.DPO: [
        "Recordings",
        "Retention",
        "Legal holds",
        "Audit trail",
        "Who listened",
        "Breach report",
        "People",
        "Teams",
        "Keys",
        "Approvals",
    ],
    Role.ADMINISTRATOR: ["People", "Teams", "Service tokens", "Keys", "Approvals"],
}
LANDS = {
    Role.SUPERVISOR: "/recordings/",
    Role.REVIEWER: "/recordings/",
    Role.DPO: "/recordings/",
    Role.ADMINISTRATOR: "/people/",
}


def signed_in(role: Role) -> Client:
    return client_of(make_person(role, teams=[make_team()]))


def entries(page: str) -> dict[str, str]:
    """Return the navigation of a page: label to address."""
    links = re.findall(r'class="nav-side__link" title="([^"]+)" href="([^"]+)"', page)
    return dict(links)


@pytest.mark.parametrize("role", PEOPLES_ROLES)
def test_everyone_sees_the_pages_of_their_role_and_each_opens(db, role):
    client = signed_in(role)

    shown = entries(client.get("/account/factors/").content.decode())

    assert list(shown) == SEEN[role]
    for address in shown.values():
        assert client.get(address).status_code == 200, address


@pytest.mark.parametrize("role", PEOPLES_ROLES)
def test_everyone_lands_on_the_first_page_of_their_own(db, role):
    answer = signed_in(role).get("/", follow=True)

    assert answer.status_code == 200
    if role in LANDS:
        assert answer.redirect_chain[-1][0] == LANDS[role]
    else:
        assert "Nothing waits for you here" in answer.content.decode()


def test_the_page_one_stands_on_is_marked_in_the_navigation(db):
    page = signed_in(Role.SUPERVISOR).get("/help/keys/").content.decode()

    marked = re.findall(r'href="([^"]+)" aria-current="page"', page)
    assert marked == ["/help/keys/"]


def test_nobody_known_sees_the_door_and_no_navigation(db, client):
    page = client.get("/account/login/").content.decode()

    assert "nav-side" not in page
    assert "bar__search" not in page


def test_who_may_find_nothing_has_no_field_to_search(db):
    assert "bar__search" not in signed_in(Role.ADMINISTRATOR).get("/people/").content.decode()
    assert "bar__search" in signed_in(Role.DPO).get("/recordings/").content.decode()


@pytest.mark.parametrize("path", ["/nothing/", "/recordings/not-an-id/"])
def test_an_address_without_a_page_is_answered_within_the_shell(db, path):
    answer = signed_in(Role.SUPERVISOR).get(path)

    assert answer.status_code == 404
    assert "What you can do" in answer.content.decode()
    assert "nav-side" in answer.content.decode()


def test_a_refusal_says_why_what_to_do_and_what_was_written_down(db):
    answer = signed_in(Role.SUPERVISOR).get("/people/")

    page = answer.content.decode()
    assert answer.status_code == 403
    assert "Supervisor" in page
    assert "not-permitted" in page
    assert "What was written down" in page


def test_a_method_that_no_page_takes_is_answered_in_words(db):
    answer = signed_in(Role.SUPERVISOR).delete("/recordings/")

    assert answer.status_code == 405
    assert "Go back and use the buttons" in answer.content.decode()


def test_the_choice_of_dark_is_on_the_page_before_any_script(db):
    client = signed_in(Role.SUPERVISOR)

    answer = client.post("/preferences/", {"theme": "dark", "next": "/help/keys/"})
    page = client.get(answer["Location"]).content.decode()

    assert answer["Location"] == "/help/keys/"
    assert '<html lang="en" data-bs-theme="dark"' in page


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_preferences_lead_to_no_other_site(db, client, elsewhere):
    assert client.post("/preferences/", {"theme": "dark", "next": elsewhere})["Location"] == "/"


def test_a_page_in_dutch_says_so_and_speaks_it(db, client):
    client.post("/preferences/", {"language": "nl"})

    page = client.get("/account/login/").content.decode()

    assert '<html lang="nl"' in page
    assert "Inloggen" in page or "Aanmelden" in page


def test_every_page_carries_the_strict_content_policy(db, client):
    policy = client.get("/account/login/")["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http:" not in policy
    assert "https:" not in policy


def test_no_title_holds_anything_personal(db):
    person = make_person(Role.ADMINISTRATOR, name="Bram Kuiper")
    page = client_of(person).get(f"/people/{person.pk}/").content.decode()

    title = re.search(r"<title>(.*?)</title>", page)
    assert title is not None
    assert "Bram" not in title.group(1)
