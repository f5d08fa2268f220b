"""The DPO's page in a browser: find by number, open a row with the keyboard, follow a timeline, check the whole trail."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from audit import checks
from tests.audit.conftest import sequence
from tests.journeys.house import House, furnish
from tests.people import client_of
from vault import clock

NUMBER = "+3197000000948"  # of nobody in another journey


@pytest.fixture(scope="module")
def house(site) -> House:
    """A house in which a supervisor opened a call, with a trail that is numbered."""
    house = furnish()
    client_of(house.supervisor).get(f"/recordings/{house.bring_in(number=NUMBER).pk}/")
    sequence()
    return house


def test_the_dpo_finds_by_number_opens_a_row_and_checks_the_trail(visit, house):
    page = visit("/trail/", house.dpo)
    page.get_by_text("By a number, a reference or a network address").click()
    page.get_by_label("Telephone number or customer reference").last.fill(NUMBER)
    page.get_by_role("button", name="Find by these").click()

    expect(page.get_by_text("opened a recording")).to_be_visible()
    assert NUMBER[3:] not in page.url + page.title()

    row = page.locator(".line > li").filter(has_text="opened a recording")
    row.locator("summary").first.focus()
    page.keyboard.press("Enter")
    expect(row.get_by_text("Access point", exact=True)).to_be_visible()
    assert not Axe().run(page).response["violations"]

    row.locator(".line__what").get_by_role("link").click()
    page.get_by_role("link", name="Everything that happened to it").click()
    expect(page.get_by_role("heading", name="Timeline of a recording")).to_be_visible()
    assert not Axe().run(page).response["violations"]
    _does_not_scroll_sideways(page)

    page.get_by_role("link", name="Audit trail").first.click()
    page.get_by_role("button", name="Check now").click()
    expect(page.locator("#check")).to_contain_text("You may leave this page.")
    checks.run_waiting(now=clock.now())
    expect(page.locator("#check")).to_contain_text("Nothing is changed, missing or moved.")
    page.locator(".line summary").first.click()
    expect(page.get_by_text("Exactly as it was hashed")).to_be_visible()
    _does_not_scroll_sideways(page)


def _does_not_scroll_sideways(page: Page) -> None:
    for width in (320, 800, 1440):
        page.set_viewport_size({"width": width, "height": 700})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (page.url, width)
