"""Addresses of the pages of a second person, under /approvals/."""

from django.urls import path

from vault.approvals import pages

app_name = "approvals"
urlpatterns = [
    path("", pages.list_approvals, name="list"),
    path("ask/<str:kind>/<str:target>/", pages.ask, name="ask"),
    path("<uuid:approval_id>/", pages.show_approval, name="approval"),
    path("<uuid:approval_id>/decide/", pages.decide, name="decide"),
    path("<uuid:approval_id>/withdraw/", pages.withdraw, name="withdraw"),
    path("<uuid:approval_id>/carry-out/", pages.carry_out, name="carry-out"),
]
