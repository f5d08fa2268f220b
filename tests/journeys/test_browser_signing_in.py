"""Signing in as people do: password and code, passkey; wrong answers; out again."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests import people
from tests.journeys import house
from tests.journeys.site import one_time_code
from vault.access.roles import Role


@pytest.fixture(scope="module")
def home(site) -> house.House:
    return house.furnish()


def give_password(page: Page, email: str, password: str = people.PASSWORD) -> None:
    page.get_by_label("E-mail at work").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Continue").click()


def add_authenticator(page: Page) -> None:
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )


def test_a_password_and_a_code_open_the_list(visit, home):
    page = visit("/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()

    give_password(page, home.supervisor.email)
    page.get_by_label("Six digits from your authenticator app").fill(one_time_code())
    page.get_by_role("button", name="Sign in with the code").click()

    expect(page.get_by_role("heading", name="Recordings")).to_be_visible()
    page.get_by_label("account menu").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_wrong_password_and_a_wrong_code_are_refused_beside_the_field(visit, home):
    page = visit("/")

    give_password(page, home.dpo.email, "not the password at all")
    expect(page.get_by_role("alert").first).to_be_visible()

    give_password(page, home.dpo.email)
    page.get_by_label("Six digits from your authenticator app").fill("000000")
    page.get_by_role("button", name="Sign in with the code").click()

    field = page.get_by_label("Six digits from your authenticator app")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#code-error")).to_be_visible()


def test_a_passkey_is_made_and_signs_in_alone(visit, site):
    person = people.make_person(Role.SUPERVISOR, name="Sander Prins")
    page = visit("/")
    add_authenticator(page)
    give_password(page, person.email)
    page.get_by_label("Six digits from your authenticator app").fill(one_time_code())
    page.get_by_role("button", name="Sign in with the code").click()
    page.get_by_label("account menu").click()
    page.get_by_role("link", name="Second factors").click()
    page.get_by_role("link", name="Add a passkey").click()
    expect(page.get_by_role("heading", name="Is it still you?")).to_be_visible()
    page.get_by_label("Password").fill(people.PASSWORD)
    page.get_by_role("button", name="Go on").click()
    page.get_by_label(re.compile("Name")).fill("My laptop")
    page.get_by_role("button", name="Make the passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    page.context.clear_cookies()

    page.goto(site.url)
    page.get_by_role("button", name="Use a passkey").click()

    expect(page.get_by_label("Sander Prins, Supervisor: account menu")).to_be_visible()
