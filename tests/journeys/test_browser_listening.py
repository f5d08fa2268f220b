"""A supervisor finds a call, says why, and hears it, in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from recordings import lawful_bases
from recordings.lawful_bases import NewBasis
from recordings.models import PlaybackGrant, Recording
from tests.journeys import house
from tests.recordings.calls import CUSTOMER_NUMBER
from vault import clock

REASON = "Second complaint about the estimate"


@pytest.fixture(scope="module")
def home(site) -> house.House:
    return house.furnish()


@pytest.fixture
def call(home) -> Recording:
    """A call of the supervisor's team that nobody has heard."""
    return home.bring_in()


def open_call(page: Page) -> None:
    page.get_by_label("Complaint handling").check()
    page.get_by_label("Reason, in your own words").fill(REASON)
    page.get_by_role("button", name="Open the recording").click()
    expect(page.locator("[data-player]")).to_have_attribute("data-ready", "yes")


def test_the_list_shows_masked_numbers_and_opens_the_call(visit, home, call):
    page = visit("/recordings/", home.supervisor)

    row = page.locator("tbody tr").filter(has=page.locator(f"a[href*='{call.pk}']"))
    expect(row).to_contain_text("Hannah Whitlock")
    expect(row).to_contain_text("+31 970 •••• ••12")
    assert CUSTOMER_NUMBER[1:] not in page.content()

    row.get_by_role("link").click()
    expect(page.get_by_role("heading", name="Before you listen: what is it for?")).to_be_visible()


def test_a_call_is_found_by_its_number_which_stands_in_no_address(visit, home, call):
    wanted = home.bring_in(number="+31612345678")
    page = visit("/recordings/", home.supervisor)

    page.get_by_role("searchbox", name="Find by phone number or customer reference").fill("+31 6 12 34 56 78")
    page.keyboard.press("Enter")

    expect(page.get_by_text("Calls with the number or reference you typed.")).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator(f"a[href='/recordings/{wanted.pk}/']")).to_be_visible()
    assert re.search(r"/recordings/$", page.url)


def test_nothing_is_fetched_before_play_and_what_plays_is_counted(visit, home, call):
    page = visit(f"/recordings/{call.pk}/", home.supervisor)
    answers: list[int] = []
    page.on(
        "response", lambda answer: answers.append(answer.status) if answer.url.endswith("/audio") else None
    )
    open_call(page)
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    assert not answers

    page.get_by_role("button", name="Play", exact=True).click()

    expect(page.locator("[data-part=heard]")).to_contain_text(re.compile(r"0:0[2-9] of 0:12"), timeout=10_000)
    assert set(answers) == {206}
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Stop listening").click()
    expect(page.get_by_role("status")).to_contain_text("You stopped listening")
    grant = PlaybackGrant.objects.filter(recording=call).latest("granted_at")
    assert grant.ended_because == "stopped"


def test_the_keyboard_seeks_and_plays_and_the_turn_that_is_spoken_is_marked(visit, home, call):
    page = visit(f"/recordings/{call.pk}/", home.supervisor)
    open_call(page)
    slider = page.get_by_role("slider", name="Position in the call")
    slider.focus()

    page.keyboard.press("ArrowRight")

    expect(slider).to_have_attribute("aria-valuenow", "5")
    expect(slider).to_have_attribute("aria-valuetext", "5 seconds of 12 seconds, caller speaking")
    expect(page.locator(".turn--now")).to_contain_text("Yes, go ahead.")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    page.keyboard.press("Home")
    expect(page.locator("[data-part=time]")).to_have_text("0:00.0")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys for the player")).to_be_visible()


def test_each_side_can_be_heard_alone_and_speed_chosen(visit, home, call):
    page = visit(f"/recordings/{call.pk}/", home.supervisor)
    open_call(page)
    page.get_by_role("button", name="Play", exact=True).click()

    page.get_by_role("button", name="Hear the caller only").click()
    page.get_by_label("Speed").select_option("2")

    expect(page.get_by_role("button", name="Hear the agent only")).to_have_attribute("aria-pressed", "false")
    assert page.evaluate("document.querySelector('audio').playbackRate") == 2


def test_a_withdrawal_stops_the_sound_within_seconds_and_the_page_says_why(visit, home, call):
    page = visit(f"/recordings/{call.pk}/", home.supervisor)
    open_call(page)
    page.get_by_role("button", name="Play", exact=True).click()
    expect(page.locator("[data-part=heard]")).to_contain_text(re.compile(r"0:0[1-9]"), timeout=10_000)

    now = clock.now()
    for purpose in ("complaint", "quality"):
        said = NewBasis(party=1, purpose=purpose, basis="consent", status="withdrawn", at=now)
        lawful_bases.record_basis(call.pk, said, actor=home.exchange, now=now)

    over = page.locator("[data-part=over]")
    expect(over).to_be_visible(timeout=7_000)
    expect(over).to_be_focused()
    expect(over).to_contain_text("The seconds you heard stay in the audit trail.")
    assert page.evaluate("document.querySelector('audio').paused")
    expect(page.get_by_role("button", name="Back 5 seconds")).to_be_disabled()


def test_a_quarantined_call_cannot_be_opened_and_the_page_says_why(visit, home):
    quarantined = home.bring_in(lawful_bases=[])
    page = visit(f"/recordings/{quarantined.pk}/", home.supervisor)

    expect(page.get_by_role("heading", name="This call is in quarantine")).to_be_visible()
    expect(page.get_by_role("button", name="Open the recording")).to_have_count(0)


def test_who_is_in_no_team_is_told_so(visit, home):
    page = visit("/recordings/", home.newcomer)

    expect(page.get_by_role("heading", name="You are not in a team yet")).to_be_visible()


def test_the_dpo_sees_the_rules_of_a_call_and_no_player(visit, home, call):
    page = visit(f"/recordings/{call.pk}/", home.dpo)

    expect(page.get_by_role("link", name="Retention and holds")).to_be_visible()
    expect(page.get_by_text("you do not listen")).to_be_visible()
    assert page.locator("audio").count() == 0


def test_what_a_role_may_not_see_is_refused_with_a_reason_and_written_down(visit, home):
    page = visit("/trail/", home.supervisor)

    expect(page.get_by_role("heading", name="Not allowed")).to_be_visible()
    expect(page.get_by_text("not-permitted")).to_be_visible()
    expect(page.get_by_role("heading", name="What was written down")).to_be_visible()
