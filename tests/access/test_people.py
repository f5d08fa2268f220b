"""Managing people: what changes, what is refused, what is written down."""

import pytest
from django.test import Client

from audit.actions import Action
from audit.actor import Actor, ActorKind
from tests.people import SETTING_UP, client_of, make_person, make_team
from tests.trail import events
from vault import clock
from vault.access import people
from vault.access.models import SignIn, Team, User
from vault.access.roles import Role
from vault.errors import Invalid, Missing

pytestmark = pytest.mark.django_db


def acting(person: User) -> Actor:
    return Actor(kind=ActorKind.PERSON, id=person.pk, role=person.role, name=person.name)


def test_an_address_is_one_account_however_it_is_written(supervisor):
    with pytest.raises(people.EmailTaken):
        people.invite_person(
            supervisor.email.upper(), name="Twin", role=Role.AGENT, actor=SETTING_UP, now=clock.now()
        )


def test_an_invited_name_and_address_stand_only_sealed_in_the_trail(administrator):
    people.invite_person(
        "Somebody@Example.org",
        name="Some Body",
        role=Role.AGENT,
        actor=acting(administrator),
        now=clock.now(),
    )

    (event,) = events()
    entry = bytes(event.entry)
    assert b"omebody" not in entry
    assert b"Some Body" not in entry
    assert administrator.name.encode() not in entry


def test_changing_the_role_ends_the_persons_sessions_at_once(supervisor, administrator):
    client = client_of(supervisor)
    assert client.get("/me/").status_code == 200

    people.change_role(supervisor.pk, Role.REVIEWER, actor=acting(administrator), now=clock.now())

    assert client.get("/me/").status_code == 302
    event = events(Action.ACCOUNT_ROLE_CHANGED)[0]
    assert b'"old":"supervisor"' in bytes(event.entry)


def test_the_same_role_changes_nothing(supervisor, administrator):
    people.change_role(supervisor.pk, Role.SUPERVISOR, actor=acting(administrator), now=clock.now())

    assert not events()


def test_a_disabled_person_is_out_at_once_and_cannot_sign_in(supervisor, administrator):
    client = client_of(supervisor)

    people.disable_person(supervisor.pk, actor=acting(administrator), now=clock.now())

    assert client.get("/me/").status_code == 302
    assert SignIn.objects.get(user=supervisor).ended_because == "disabled"
    answer = Client().post("/account/login/", {"login": supervisor.email, "password": "whatever it is"})
    assert answer.status_code == 200


def test_an_enabled_person_has_their_factors_again(supervisor, administrator):
    people.disable_person(supervisor.pk, actor=acting(administrator), now=clock.now())

    people.enable_person(supervisor.pk, actor=acting(administrator), now=clock.now())

    assert client_of(supervisor).get("/me/").status_code == 200
    assert [event.action for event in events(Action.ACCOUNT_DISABLED, Action.ACCOUNT_ENABLED)] == [
        Action.ACCOUNT_DISABLED,
        Action.ACCOUNT_ENABLED,
    ]


def test_nobody_changes_their_own_role_or_disables_themselves(administrator):
    make_person(Role.ADMINISTRATOR)
    actor = acting(administrator)

    with pytest.raises(people.OwnAccount):
        people.change_role(administrator.pk, Role.DPO, actor=actor, now=clock.now())
    with pytest.raises(people.OwnAccount):
        people.disable_person(administrator.pk, actor=actor, now=clock.now())
    with pytest.raises(people.OwnAccount):
        people.reset_sign_in(administrator.pk, actor=actor, now=clock.now())


def test_the_last_administrator_stays(administrator):
    with pytest.raises(people.LastAdministrator):
        people.disable_person(administrator.pk, actor=SETTING_UP, now=clock.now())
    with pytest.raises(people.LastAdministrator):
        people.change_role(administrator.pk, Role.DPO, actor=SETTING_UP, now=clock.now())


def test_a_disabled_administrator_does_not_count_as_another(administrator):
    other = make_person(Role.ADMINISTRATOR)
    people.disable_person(other.pk, actor=acting(administrator), now=clock.now())

    with pytest.raises(people.LastAdministrator):
        people.disable_person(administrator.pk, actor=SETTING_UP, now=clock.now())


def test_the_role_of_integrations_is_not_for_people(administrator):
    with pytest.raises(Invalid):
        people.invite_person(
            "x@example.org", name="X", role=Role.INTEGRATION, actor=acting(administrator), now=clock.now()
        )


def test_setting_teams_records_each_that_comes_and_goes(supervisor, team, administrator):
    other = make_team()

    people.set_teams(supervisor.pk, [other.pk], actor=acting(administrator), now=clock.now())

    assert list(supervisor.teams.all()) == [other]
    assert [event.action for event in events()] == [Action.ACCOUNT_TEAM_CHANGED] * 2


def test_an_unknown_person_or_team_is_missing(administrator):
    nobody = make_team().pk

    with pytest.raises(Missing):
        people.disable_person(nobody, actor=SETTING_UP, now=clock.now())
    with pytest.raises(Missing):
        people.rename_team(administrator.pk, "North", actor=SETTING_UP, now=clock.now())


def test_two_teams_cannot_have_one_name(administrator):
    people.create_team("Billing North", actor=SETTING_UP, now=clock.now())
    other = people.create_team("Moves", actor=SETTING_UP, now=clock.now())

    with pytest.raises(people.TeamNameTaken):
        people.create_team("billing north", actor=SETTING_UP, now=clock.now())
    with pytest.raises(people.TeamNameTaken):
        people.rename_team(other.pk, "BILLING NORTH", actor=SETTING_UP, now=clock.now())


def test_an_administrator_does_all_of_it_on_the_pages(administrator, supervisor, team):
    client = client_of(administrator)

    made = client.post("/teams/", {"name": "Night shift"})
    night = Team.objects.get(name="Night shift")
    renamed = client.post(f"/teams/{night.pk}/", {"name": "Nights"})
    invited = client.post(
        "/people/invite/",
        {
            "name": "Eva",
            "email": "eva@example.org",
            "role": "reviewer",
            "teams": [night.pk],
            "language": "nl",
        },
    )
    eva = User.objects.get(email="eva@example.org")
    role = client.post(f"/people/{eva.pk}/role/", {"role": "supervisor"})
    teams = client.post(f"/people/{eva.pk}/teams/", {"teams": [team.pk]})
    off = client.post(f"/people/{eva.pk}/disable/")
    on = client.post(f"/people/{eva.pk}/enable/")

    assert {made.status_code, renamed.status_code, role.status_code, teams.status_code} == {302}
    assert {off.status_code, on.status_code} == {302}
    assert b"/account/invitation/" in invited.content
    eva.refresh_from_db()
    assert (eva.role, eva.language, list(eva.teams.all())) == ("supervisor", "nl", [team])
    for address in ("/people/", f"/people/{eva.pk}/", "/teams/", f"/teams/{night.pk}/", "/people/invite/"):
        assert client.get(address).status_code == 200


def test_a_taken_address_is_said_beside_its_field(administrator, supervisor):
    answer = client_of(administrator).post(
        "/people/invite/", {"name": "Twin", "email": supervisor.email, "role": "agent", "language": "en"}
    )

    assert answer.status_code == 200
    assert answer.context["form"].errors["email"]


def test_the_dpo_sees_people_but_changes_nobody(dpo, supervisor):
    client = client_of(dpo)

    assert client.get("/people/").status_code == 200
    assert client.get(f"/people/{supervisor.pk}/").status_code == 200
    assert client.post(f"/people/{supervisor.pk}/disable/").status_code == 403


def test_one_ends_ones_other_sessions_and_keeps_this_one(supervisor):
    here, there = client_of(supervisor), client_of(supervisor)

    here.post("/me/end-other-sessions/")

    assert here.get("/me/").status_code == 200
    assert there.get("/me/").status_code == 302


def test_one_chooses_the_language_of_ones_mail(supervisor):
    client = client_of(supervisor)

    client.post("/me/language/", {"language": "nl"})
    refused = client.post("/me/language/", {"language": "xx"})

    supervisor.refresh_from_db()
    assert supervisor.language == "nl"
    assert refused.status_code == 400
