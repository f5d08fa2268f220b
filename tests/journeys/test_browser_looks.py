"""What every page owes its readers: narrow screens, dark, keyboard, assistive technology."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from recordings.models import Recording
from tests.journeys import house
from vault.access.models import User


@pytest.fixture(scope="module")
def home(site) -> house.House:
    return house.furnish()


@pytest.fixture(scope="module")
def call(home) -> Recording:
    return home.bring_in()


@pytest.fixture(scope="module")
def quarantined(home) -> Recording:
    return home.bring_in(lawful_bases=[])


@pytest.fixture
def pages(visit, home, call, quarantined) -> list[Page]:
    """Every kind of page, each opened by somebody who may."""
    return [
        *(visit(path, person) for path, person in addresses(home, call, quarantined)),
        open_player(visit, home, call),
    ]


def addresses(home: house.House, call: Recording, quarantined: Recording) -> list[tuple[str, User | None]]:
    return [
        ("/account/login/", None),
        ("/recordings/", home.supervisor),
        (f"/recordings/{call.pk}/", home.supervisor),
        (f"/recordings/{call.pk}/lawful-bases/", home.supervisor),
        (f"/recordings/{quarantined.pk}/", home.dpo),
        ("/recordings/", home.newcomer),
        ("/help/keys/", home.supervisor),
        ("/help/when-may-i-listen/", home.supervisor),
        ("/account/factors/", home.supervisor),
        ("/account/password/change/", home.supervisor),
        ("/nothing-here/", home.supervisor),
        ("/trail/", home.supervisor),
        ("/trail/", home.dpo),
        ("/retention/", home.dpo),
        ("/people/", home.administrator),
        ("/teams/", home.administrator),
        ("/tokens/", home.administrator),
        ("/keys/", home.administrator),
        (f"/keys/audio-{call.key_month}/", home.administrator),
        ("/approvals/", home.dpo),
        ("/privacy/who-listened/", home.dpo),
        ("/privacy/breach-report/", home.dpo),
    ]


def open_player(visit, home: house.House, call: Recording, **screen) -> Page:
    page = visit(f"/recordings/{call.pk}/", home.supervisor, **screen)
    page.get_by_label("Complaint handling").check()
    page.get_by_label("Reason, in your own words").fill("Second complaint about the estimate")
    page.get_by_role("button", name="Open the recording").click()
    expect(page.get_by_role("slider", name="Position in the call")).to_be_visible()
    return page


def findings(page: Page) -> list[str]:
    # Without preload: it copies style sheets into the waveform's shadow tree, which the content policy stops.
    found = Axe().run(page, options={"preload": False}).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html'][:160]}" for each in found]


def test_every_page_serves_every_eye_hand_and_screen(pages):
    for page in pages:
        assert not findings(page), page.url
        page.emulate_media(color_scheme="dark")
        expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
        assert not findings(page), page.url
        for width in (320, 390, 800, 1100):
            page.set_viewport_size({"width": width, "height": 700})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, page.url


def test_on_a_phone_the_navigation_is_a_drawer_that_keeps_the_focus(visit, home, call):
    page = visit("/recordings/", home.supervisor, width=390, height=844)
    navigation = page.get_by_role("navigation", name="Main")
    expect(navigation).to_be_hidden()

    page.get_by_role("button", name="Menu").click()

    expect(navigation).to_be_visible()
    expect(navigation.get_by_role("link", name="Recordings")).to_be_focused()
    page.keyboard.press("Escape")
    expect(navigation).to_be_hidden()
    expect(page.get_by_role("button", name="Menu")).to_be_focused()


def test_dark_is_chosen_once_and_stays(visit, home, call):
    page = visit("/recordings/", home.supervisor)
    root = page.locator("html")
    expect(root).to_have_attribute("data-bs-theme", "light")

    page.get_by_label("Light or dark").click()
    with page.expect_response("**/preferences/"):
        page.get_by_role("button", name="Dark").click()
    expect(root).to_have_attribute("data-bs-theme", "dark")

    page.reload()
    expect(root).to_have_attribute("data-bs-theme", "dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(14, 20, 24)"


def test_without_a_choice_the_system_decides(visit, home, call):
    page = visit("/recordings/", home.supervisor, scheme="dark")

    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")


def test_another_language_is_chosen_in_the_account_menu(visit, home, call):
    page = visit("/recordings/", home.supervisor)

    page.get_by_label("account menu").click()
    page.get_by_role("button", name="Nederlands").click()

    expect(page.locator("html")).to_have_attribute("lang", "nl")


def test_the_whole_list_can_be_walked_by_keyboard(visit, home, call):
    page = visit("/recordings/", home.supervisor)

    page.keyboard.press("Tab")

    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_low_rows_are_chosen_and_stay(visit, home, call):
    page = visit("/recordings/", home.supervisor)
    before = page.locator("tbody tr").first.bounding_box()["height"]

    page.get_by_role("button", name="Low rows").click()

    expect(page.locator("html")).to_have_attribute("data-density", "compact")
    assert page.locator("tbody tr").first.bounding_box()["height"] < before
