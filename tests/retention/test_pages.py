"""The DPO's pages and the API of retention, over HTTP, with three people."""

from __future__ import annotations

from datetime import timedelta

import pytest

from audit import trail
from audit.actions import Action
from recordings.models import Recording
from retention import claims, figures, holds, pages
from retention.models import ClockDoubt, Erasure, ErasureState, Hold, RetentionPolicy
from retention.periods import Period
from tests.people import client_of, make_person, make_team
from tests.recordings import calls
from tests.retention.conftest import NOW, due_call, make_policy, run_sweep
from tests.trail import events
from vault.access.models import Team
from vault.access.roles import Role

FORM = {
    "name": "Complaints",
    "lawful_basis": "legitimate_interests",
    "justification": "Complaints come in within half a year.",
    "keep_at_most_count": "6",
    "keep_at_most_unit": "months",
}


@pytest.fixture
def dpo(db):
    return client_of(make_person(Role.DPO))


@pytest.fixture
def supervisor(north):
    return client_of(make_person(Role.SUPERVISOR, teams=[north]))


@pytest.fixture
def stranger(db):
    return client_of(make_person(Role.SUPERVISOR, teams=[make_team("South")]))


def test_the_overviews_numbers_open_lists_of_that_many_rows(dpo, due, katrien):
    shown = dpo.get("/retention/")

    counts = {figure.which.code: figure.count for figure in shown.context["figures"]}
    assert counts["overdue"] == 1
    for code, count in counts.items():
        listed = dpo.get("/retention/recordings/", {"which": code})
        assert len(listed.context["rows"]) == count, code


@pytest.mark.parametrize(
    "path", ["/retention/", "/retention/recordings/", "/retention/holds/", "/retention/erasures/"]
)
def test_a_supervisor_sees_no_page_of_the_dpo(supervisor, stranger, dpo, path):
    assert supervisor.get(path).status_code == 403
    assert stranger.get(path).status_code == 403
    assert dpo.get(path).status_code == 200


def test_a_supervisor_reads_policies_but_does_not_change_them(supervisor, a_week):
    assert supervisor.get("/retention/policies/").status_code == 200
    assert supervisor.get(f"/retention/policies/{a_week.policy_id}/").status_code == 200
    assert supervisor.get("/retention/policies/new/").status_code == 403


def test_a_policy_is_previewed_before_it_is_in_force(dpo, db):
    shown = dpo.post("/retention/policies/new/", FORM)

    assert shown.context["effect"].due == 0
    assert not RetentionPolicy.objects.exists()

    made = dpo.post("/retention/policies/new/", FORM | {"confirmed": "yes"}, follow=True)

    assert RetentionPolicy.objects.get().name == "Complaints"
    assert made.status_code == 200


def test_a_shorter_policy_counts_what_would_go_and_wants_the_count_typed(dpo, katrien, north, exchange):
    policy = make_policy(katrien, keep_at_most=Period(50, "years"))
    due_call(exchange)
    path = f"/retention/policies/{policy.policy_id}/change/"

    assert dpo.post(path, FORM | {"keep_at_most_count": "1"}).context["effect"].due == 1
    refused = dpo.post(path, FORM | {"keep_at_most_count": "1", "confirmed": "yes", "count": "2"})
    assert refused.status_code == 409
    assert RetentionPolicy.objects.count() == 1

    dpo.post(path, FORM | {"keep_at_most_count": "1", "confirmed": "yes", "count": "1"})
    assert [version.version for version in RetentionPolicy.objects.order_by("version")] == [1, 2]


def test_contradicting_terms_are_refused_beside_the_form(dpo, db):
    shown = dpo.post(
        "/retention/policies/new/", FORM | {"keep_at_least_count": "7", "keep_at_least_unit": "months"}
    )

    assert shown.status_code == 200
    assert "at least longer than at most" in shown.content.decode()


def test_a_hold_is_placed_and_released_on_pages(dpo, kept):
    page = f"/retention/recordings/{kept.pk}/"

    dpo.post(f"{page}hold/", {"reason": "Meter dispute", "case": "C-17", "review_on": "2027-01-31"})

    hold = Hold.objects.get()
    assert "Meter dispute" in dpo.get(page).content.decode()
    assert "Meter dispute" in dpo.get("/retention/holds/").content.decode()
    assert Recording.objects.get(pk=kept.pk).is_held
    asking = dpo.post(f"/retention/holds/{hold.pk}/release/", {"reason": "Settled"}).headers["Location"]
    asked = dpo.post(asking, {"reason": "Settled"}).headers["Location"]
    assert Recording.objects.get(pk=kept.pk).is_held
    assert asked in dpo.get(page).content.decode()
    assert asked in dpo.get("/retention/holds/").content.decode()

    client_of(make_person(Role.ADMINISTRATOR)).post(f"{asked}decide/", {"decision": "approve"})

    assert not Recording.objects.get(pk=kept.pk).is_held
    assert "Settled" in dpo.get("/retention/holds/", {"released": "yes"}).content.decode()


def test_a_hold_by_id_refuses_what_does_not_exist(dpo, db):
    shown = dpo.post(
        "/retention/holds/new/", {"recording": "0193a1b2-0000-7000-8000-00000000c411", "reason": "Dispute"}
    )

    assert shown.status_code == 200
    assert not Hold.objects.exists()


def test_erasing_by_hand_wants_the_number_typed(dpo, kept):
    path = f"/retention/recordings/{kept.pk}/erase/"

    assert dpo.post(path, {"count": "2", "ground": "unlawful"}).status_code == 409
    assert dpo.post(path, {"count": "1"}).status_code == 400
    assert not Erasure.objects.exists()

    assert dpo.post(path, {"count": "1", "ground": "unlawful"}, follow=True).status_code == 200
    assert Recording.objects.get(pk=kept.pk).is_erased
    assert Erasure.objects.get().ground == "unlawful"


def test_the_page_of_an_erased_recording_says_why_it_is_gone(dpo, due):
    run_sweep()

    shown = dpo.get(f"/retention/recordings/{due.pk}/").content.decode()

    assert "Its keeping time ran out" in shown
    assert "Download the proof" in shown
    assert "Kept until" not in shown
    assert "Certified" in dpo.get("/retention/erasures/").content.decode()


def test_the_api_erases_tells_how_far_it_is_and_refuses_a_second_time(dpo, supervisor, kept):
    path = f"/api/v1/recordings/{kept.pk}/erasure"

    assert supervisor.put(path, {"ground": "request"}, content_type="application/json").status_code == 403
    assert dpo.put(path, {}, content_type="application/json").status_code == 400
    assert dpo.put(path, {"ground": "expired"}, content_type="application/json").status_code == 400
    erased = dpo.put(path, {"ground": "request"}, content_type="application/json")
    again = dpo.put(path, {"ground": "request"}, content_type="application/json")

    assert (erased.status_code, erased.json()["state"]) == (202, "key_destroyed")
    assert (again.status_code, again.json()["code"]) == (410, "erased")
    proof = dpo.get(f"{path}/proof")
    assert (proof.status_code, proof.json()["code"]) == (409, "not-yet-certified")
    run_sweep()
    assert dpo.get(path).json()["state"] == "certified"


def test_the_api_places_and_releases_holds_restrictions_and_freezes(dpo, kept):
    json = {"content_type": "application/json"}
    recording = f"/api/v1/recordings/{kept.pk}"

    placed = dpo.post("/api/v1/holds", {"recording": str(kept.pk), "reason": "Dispute"}, **json)
    assert placed.status_code == 201
    assert dpo.put(f"{recording}/restriction", {"reason": "Art. 18"}, **json).json()["kind"] == "restriction"
    assert (
        dpo.put(f"{recording}/restriction", {"reason": "Art. 18"}, **json).json()["code"]
        == "already-restricted"
    )
    assert dpo.put(f"{recording}/freeze", {"reason": "Art. 15"}, **json).json()["kind"] == "access_request"
    assert len(dpo.get("/api/v1/holds").json()["results"]) == 3
    refused = dpo.put(f"{recording}/erasure", {"ground": "request"}, **json)
    assert (refused.status_code, refused.json()["code"]) == (409, "under-legal-hold")

    hold = placed.json()["id"]
    asked = dpo.post(f"/api/v1/holds/{hold}/release", {"reason": "Settled"}, **json)
    assert (asked.status_code, asked.json()["state"]) == (202, "waiting")
    decision = f"/api/v1/approvals/{asked.json()['id']}/decision"
    second = client_of(make_person(Role.ADMINISTRATOR))
    assert second.post(decision, {"approve": True}, **json).json()["state"] == "done"
    assert (
        dpo.post(f"/api/v1/holds/{hold}/release", {"reason": "Settled"}, **json).json()["code"]
        == "already-released"
    )
    assert dpo.delete(f"{recording}/restriction", {"reason": "Over"}, **json).status_code == 200
    assert dpo.delete(f"{recording}/freeze", {"reason": "Answered"}, **json).status_code == 200
    assert dpo.get("/api/v1/holds").json()["results"] == []
    assert dpo.delete(f"{recording}/freeze", {"reason": "Answered"}, **json).json()["code"] == "not-frozen"


def test_the_api_writes_versions_of_a_policy(dpo, db):
    json = {"content_type": "application/json"}
    said = {
        "name": "Complaints",
        "lawful_basis": "legitimate_interests",
        "justification": "Complaints come in within half a year.",
        "keep_at_most": {"count": 6, "unit": "months"},
    }

    first = dpo.post("/api/v1/policies", said, **json).json()
    second = dpo.post("/api/v1/policies", said | {"policy": first["id"]}, **json).json()

    assert (first["version"], second["version"]) == (1, 2)
    assert first["id"] == second["id"]
    assert [row["version"] for row in dpo.get("/api/v1/policies").json()["results"]] == [2]
    assert len(dpo.get(f"/api/v1/policies/{first['id']}").json()["results"]) == 2
    assert dpo.post(f"/api/v1/policies/{first['id']}/retire", **json).json()["is_in_force"] is False
    assert dpo.post(f"/api/v1/policies/{first['id']}/retire", **json).json()["code"] == "policy-not-in-force"


def test_no_reason_of_a_hold_stands_in_the_database_in_clear(dpo, kept):
    dpo.post(f"/retention/recordings/{kept.pk}/hold/", {"reason": "Dispute of Daniel Ashby"})

    row = Hold.objects.get()
    assert b"Ashby" not in bytes(row.reason_sealed)
    assert Team.objects.exists()
    assert calls.CUSTOMER_NAME == "Daniel Ashby"


def test_the_dpo_confirms_a_doubted_clock_on_the_overview(dpo, due, monkeypatch):
    ClockDoubt.objects.create(because="forward", off_by_s=7200, began_at=NOW)
    assert "Nothing is erased" in dpo.get("/retention/").content.decode()

    dpo.post("/retention/clock/")

    assert "Nothing is erased" not in dpo.get("/retention/").content.decode()


def test_a_stuck_erasure_is_shown_and_tried_again(dpo, due):
    claims.notice_due()
    Erasure.objects.update(state=ErasureState.NEEDS_ATTENTION, tries=8, last_error="StoreUnavailable")
    page = f"/retention/recordings/{due.pk}/"
    assert "StoreUnavailable" in dpo.get(page).content.decode()
    assert len(dpo.get("/retention/erasures/", {"state": "stuck"}).context["rows"]) == 1

    dpo.post(f"/retention/erasures/{Erasure.objects.get().pk}/retry/")

    assert Erasure.objects.get().state == ErasureState.DUE


def test_the_erasures_of_seven_days_are_listed_without_older_ones(dpo, due, monkeypatch):
    run_sweep()
    week = {"state": "certified-7"}
    assert "/retention/erasures/?state=certified-7" in dpo.get("/retention/").content.decode()
    assert len(dpo.get("/retention/erasures/", week).context["rows"]) == 1

    certified_at = Erasure.objects.get().certified_at
    assert figures.certified_lately(now=certified_at + timedelta(days=7)).exists()
    assert not figures.certified_lately(now=certified_at + timedelta(days=8)).exists()
    monkeypatch.setattr(figures, "certified_lately", lambda now: Erasure.objects.none())
    assert dpo.get("/retention/erasures/", week).context["rows"] == []
    assert len(dpo.get("/retention/erasures/", {"state": "certified"}).context["rows"]) == 1


@pytest.mark.parametrize("path", ["/retention/recordings/?which=lost", "/retention/erasures/?state=lost"])
def test_a_list_that_does_not_exist_is_refused(dpo, db, path):
    assert dpo.get(path).status_code == 404


@pytest.mark.parametrize(
    "cursor", ["yesterday_1", "2026-11-22T10:00:00_0193a1b2-0000-7000-8000-00000000c411"]
)
def test_a_cursor_that_is_none_is_refused(dpo, db, cursor):
    assert dpo.get("/retention/recordings/", {"which": "held", "after": cursor}).status_code == 400


def test_a_long_list_is_paged_those_that_end_first_at_the_top_and_no_end_last(
    dpo, kept, exchange, monkeypatch
):
    monkeypatch.setattr(pages, "SHOWN", 2)
    endless = [calls.bring_in(exchange).pk for _ in range(3)]
    Recording.objects.filter(pk__in=endless).update(expires_at=None)
    soon = calls.bring_in(exchange)
    Recording.objects.filter(pk=soon.pk).update(expires_at=NOW)
    Recording.objects.update(in_conflict=True)
    seen, after = [], ""

    for _ in range(3):
        shown = dpo.get("/retention/recordings/", {"which": "conflicts", "after": after}).context
        seen += [row["recording"].pk for row in shown["rows"]]
        after = shown["after"]

    assert after == ""
    assert seen == [soon.pk, kept.pk, *sorted(endless)]


def test_a_hold_without_a_reason_is_refused_beside_the_form(dpo, kept):
    shown = dpo.post(f"/retention/recordings/{kept.pk}/hold/", {"reason": ""})
    erased_before = dpo.post("/retention/holds/new/", {"recording": str(kept.pk), "reason": "Dispute"})

    assert "One field needs another look" in shown.content.decode()
    assert erased_before.status_code == 302
    assert Hold.objects.count() == 1


def test_a_hold_that_the_use_case_refuses_says_why(dpo, due):
    run_sweep()

    shown = dpo.post(f"/retention/recordings/{due.pk}/hold/", {"reason": "Too late"})

    assert shown.status_code == 200
    assert not Hold.objects.exists()


def test_a_policy_is_retired_after_typing_how_many_it_touches(dpo, kept):
    policy = RetentionPolicy.objects.get().policy_id
    path = f"/retention/policies/{policy}/retire/"

    assert dpo.post(path, {}).status_code == 409
    assert dpo.post(path, {"count": "1"}).status_code == 302
    assert "Retired" in dpo.get("/retention/policies/").content.decode()
    assert dpo.get("/retention/policies/").context["in_force"] == []


@pytest.mark.parametrize(
    ("address", "action"),
    [
        ("/retention/recordings/{recording}/", Action.RECORDING_VIEWED),
        ("/retention/holds/{freeze}/release/", Action.RECORDING_VIEWED),
        ("/retention/recordings/", Action.RECORDING_LISTED),
        ("/retention/holds/", Action.RECORDING_LISTED),
        ("/retention/erasures/", Action.RECORDING_LISTED),
        ("/api/v1/holds", Action.RECORDING_LISTED),
    ],
)
def test_what_is_shown_of_recordings_and_reasons_is_in_the_trail(dpo, due, katrien, address, action):
    holds.place_hold(due.pk, reason="A case before the court", actor=katrien, now=NOW)
    freeze = holds.freeze(due.pk, reason="Art. 15", actor=katrien, now=NOW)
    before = len(events(action))

    assert dpo.get(address.format(recording=due.pk, freeze=freeze.pk)).status_code == 200

    assert len(events(action)) == before + 1


def test_nothing_of_a_recording_is_shown_that_cannot_be_written_down(dpo, due, monkeypatch):
    def fail(*args, **kwargs):
        raise trail.TrailUnavailable

    monkeypatch.setattr(trail, "record_disclosure", fail)

    assert dpo.get(f"/retention/recordings/{due.pk}/").status_code == 503
