"""Addresses of the pages of privacy, under /privacy/."""

from django.urls import path

from privacy import pages

app_name = "privacy"
urlpatterns = [
    path("who-listened/", pages.who_listened, name="who-listened"),
    path("breach-report/", pages.breach_report, name="breach-report"),
]
