"""Two people in a browser: a DPO asks for the release of a hold, an administrator approves it."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from recordings.models import Recording
from retention import holds, policies
from retention.hold_release import HOLD_RELEASE
from retention.models import Hold
from retention.periods import Period
from tests.people import make_person
from tests.recordings import calls
from tests.retention.conftest import exchange_actor, terms
from vault import clock
from vault.access.models import Team, User
from vault.access.roles import Role
from vault.access.second_person import GRANT_ROLE, RENEW_SIGN_IN
from vault.approvals import asking, deciding
from vault.demo.organisation import as_actor


@pytest.fixture(scope="module")
def katrien(site) -> User:
    """A DPO."""
    return make_person(Role.DPO, name="Katrien Maas")


@pytest.fixture(scope="module")
def bram(site) -> User:
    """An administrator."""
    return make_person(Role.ADMINISTRATOR, name="Bram Kuiper")


@pytest.fixture(scope="module")
def held(katrien) -> list[Hold]:
    """Two legal holds."""
    Team.objects.get_or_create(name="North of the river")
    dpo, now = as_actor(katrien), clock.now()
    policies.create_policy(terms(name="Holds", keep_at_most=Period(7, "years")), actor=dpo, now=now)
    return [
        holds.place_hold(
            calls.bring_in(exchange_actor()).pk, reason="A lost parcel.", case=case, actor=dpo, now=now
        )
        for case in ("HV-2026-114", "HV-2026-115")
    ]


@pytest.fixture(scope="module")
def requests(katrien, bram, held) -> list[str]:
    """Requests of every kind in several states: their pages."""
    lotte = make_person(Role.DPO, name="Lotte Aerts")
    noor = make_person(Role.REVIEWER, name="Noor Brandsma")
    dpo, administrator, now = as_actor(lotte), as_actor(bram), clock.now()
    why = "The court has decided, and the customer has been paid."
    release = asking.ask(HOLD_RELEASE, str(held[1].pk), reason=why, actor=dpo, now=now)
    role = asking.ask(
        GRANT_ROLE,
        str(noor.pk),
        parameters={"role": "dpo"},
        reason="Noor takes over from Lotte.",
        actor=administrator,
        now=now,
    )
    link = asking.ask(RENEW_SIGN_IN, str(lotte.pk), reason="Lost her phone.", actor=administrator, now=now)
    deciding.approve(link.pk, said="She called me herself.", actor=as_actor(katrien), now=now)
    return [f"/approvals/{asked.pk}/" for asked in (release, role, link)]


def test_no_page_keeps_anything_from_assistive_technology_or_scrolls_sideways(
    visit, katrien, bram, held, requests
):
    offered = f"/approvals/ask/hold.release/{held[0].pk}/"
    for person, paths in (
        (katrien, [offered, "/approvals/", *requests[:2]]),
        (bram, ["/approvals/", *requests]),
    ):
        for path in paths:
            page = visit(path, person)
            found = Axe().run(page).response["violations"]
            assert not [f"{each['id']}: {each['nodes'][0]['html'][:160]}" for each in found], path
            for width in (320, 800, 1440):
                page.set_viewport_size({"width": width, "height": 700})
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)


def test_a_hold_is_released_by_two(visit, katrien, bram, held):
    hold = held[0]
    asking_page = visit(f"/retention/recordings/{hold.recording_id}/", katrien)
    asking_page.get_by_role("link", name="Release it").click()
    asking_page.get_by_label("Reason").fill("The court has decided.")
    asking_page.get_by_role("button", name="Ask for approval").click()
    expect(asking_page.get_by_role("status").filter(has_text="waits for somebody else")).to_be_visible()
    assert Recording.objects.get(pk=hold.recording_id).is_held

    deciding_page = visit("/people/", bram)
    deciding_page.get_by_role("link", name="Approvals").click()
    deciding_page.locator("li").filter(has_text="HV-2026-114").get_by_role("link").click()
    expect(deciding_page.get_by_text("The court has decided.")).to_be_visible()
    deciding_page.get_by_role("button", name="Approve").click()

    expect(deciding_page.get_by_role("status").filter(has_text="it is carried out")).to_be_visible()
    assert not Recording.objects.get(pk=hold.recording_id).is_held
