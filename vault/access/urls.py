"""Addresses of people, teams, service tokens and one's own account."""

from django.urls import path

from vault.access import pages

app_name = "access"
urlpatterns = [
    path("people/", pages.list_people, name="people"),
    path("people/invite/", pages.invite, name="person-new"),
    path("people/<uuid:person_id>/", pages.show_person, name="person"),
    path("people/<uuid:person_id>/role/", pages.change_role, name="person-role"),
    path("people/<uuid:person_id>/teams/", pages.change_teams, name="person-teams"),
    path("people/<uuid:person_id>/disable/", pages.disable, name="person-disable"),
    path("people/<uuid:person_id>/enable/", pages.enable, name="person-enable"),
    path("people/<uuid:person_id>/invite-again/", pages.invite_again, name="person-invite-again"),
    path("people/<uuid:person_id>/end-sessions/", pages.end_sessions, name="person-end-sessions"),
    path("teams/", pages.list_teams, name="teams"),
    path("teams/<uuid:team_id>/", pages.show_team, name="team"),
    path("tokens/", pages.list_tokens, name="tokens"),
    path("tokens/<uuid:token_id>/renew/", pages.renew_token, name="token-renew"),
    path("tokens/<uuid:token_id>/revoke/", pages.revoke_token, name="token-revoke"),
    path("me/", pages.show_account, name="account"),
    path("me/language/", pages.change_language, name="account-language"),
    path("me/end-other-sessions/", pages.end_other_sessions, name="account-end-sessions"),
]
