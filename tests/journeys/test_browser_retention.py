"""The DPO in a browser: numbers, policies, a hold, an erasure by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from audit.actor import Actor, ActorKind
from recordings.models import Recording
from retention import holds, policies, sweep
from retention.models import Erasure, ErasureState, Hold, RetentionPolicy
from retention.periods import Period
from tests.people import make_person
from tests.recordings import calls
from tests.retention.conftest import due_call, exchange_actor, terms
from vault.access.models import Team, User
from vault.access.roles import Role, permissions_of

NOW = datetime(2026, 11, 22, 10, 52, 7, tzinfo=UTC)


@pytest.fixture(scope="module")
def dpo(site) -> User:
    """A DPO whose vault holds a call that is kept, one on hold, one that has gone."""
    Team.objects.get_or_create(name="North of the river")
    person = make_person(Role.DPO, name="Katrien Maas")
    actor = Actor(
        kind=ActorKind.PERSON,
        id=person.pk,
        role=Role.DPO,
        access_point="web",
        permissions=permissions_of(Role.DPO),
    )
    exchange = exchange_actor()
    policies.create_policy(terms(name="Complaints", keep_at_most=Period(1, "weeks")), actor=actor, now=NOW)
    due_call(exchange)
    sweep.run(actor=Actor.system("test"), now=NOW)
    policies.create_policy(
        terms(name="Sales", queue="sales", keep_at_least=Period(1, "years"), keep_at_most=Period(7, "years")),
        actor=actor,
        now=NOW,
    )
    held = calls.bring_in(exchange)
    holds.place_hold(held.pk, reason="Dispute about the meter.", case="C-17", actor=actor, now=NOW)
    calls.bring_in(exchange)
    return person


@pytest.fixture
def pages(dpo) -> list[str]:
    policy = RetentionPolicy.objects.get(name="Complaints").policy_id
    recordings = Recording.objects.order_by("started_at", "pk").values_list("pk", flat=True)
    return [
        "/retention/",
        "/retention/recordings/?which=due-7",
        "/retention/policies/",
        f"/retention/policies/{policy}/",
        f"/retention/policies/{policy}/change/",
        "/retention/holds/",
        "/retention/holds/new/",
        f"/retention/holds/{Hold.objects.get(case='C-17').pk}/release/",
        "/retention/erasures/",
        *(f"/retention/recordings/{recording}/" for recording in recordings),
    ]


def test_no_page_keeps_anything_from_assistive_technology(visit, dpo, pages):
    for path in pages:
        found = Axe().run(visit(path, dpo)).response["violations"]

        assert not [f"{each['id']}: {each['nodes'][0]['html'][:160]}" for each in found], path


def test_no_page_scrolls_sideways_on_any_screen(visit, dpo, pages):
    for path in pages:
        page = visit(path, dpo)
        for width in (320, 800, 1440):
            page.set_viewport_size({"width": width, "height": 700})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            spilt = page.evaluate(
                "[...document.querySelectorAll('.panel dd')].filter(e => e.scrollWidth > e.clientWidth + 1).length"
            )
            assert not spilt, (path, width)


def test_a_policy_is_made_after_seeing_what_it_would_do(visit, dpo):
    page = visit("/retention/policies/new/", dpo)
    page.get_by_label("Name").fill("Meter readings")
    page.get_by_label("Why this long").fill("A reading may be disputed for a year.")
    page.get_by_label("Keep at most").fill("12")
    page.get_by_label("Queue").fill("meters")
    page.get_by_role("button", name="See what it would do").click()
    expect(page.get_by_role("heading", name="What it would do")).to_be_visible()

    page.get_by_role("button", name="Put in force").click()

    expect(page.get_by_role("heading", name="Meter readings", level=1)).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="in force")).to_be_visible()


def test_erasing_by_hand_shows_its_count_and_asks_for_it(visit, dpo):
    kept = Recording.objects.filter(state="active", is_held=False).first()
    page = visit(f"/retention/recordings/{kept.pk}/", dpo)
    page.get_by_role("button", name="Erase now").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("This cannot be undone")

    dialog.get_by_label("Ground").select_option("unlawful")
    dialog.get_by_label("Type the number to go on").fill("1")
    dialog.get_by_role("button", name="Erase 1").click()

    expect(page.get_by_role("status").filter(has_text="The keys are destroyed")).to_be_visible()
    assert Erasure.objects.get(recording=kept).state == ErasureState.KEY_DESTROYED
