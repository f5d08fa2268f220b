"""Addresses of what every page shares."""

from django.urls import path

from vault.web import pages

app_name = "web"
urlpatterns = [
    path("preferences/", pages.change_preferences, name="preferences"),
    path("help/keys/", pages.keys, name="keys"),
    path("help/when-may-i-listen/", pages.when_may_i_listen, name="when-may-i-listen"),
]
