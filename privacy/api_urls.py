"""Addresses of the API of privacy."""

from django.urls import path

from privacy import api

app_name = "privacy-api"
urlpatterns = [
    path("privacy/statements", api.Statements.as_view(), name="statements"),
    path("privacy/breach-reports", api.BreachReports.as_view(), name="breach-reports"),
]
