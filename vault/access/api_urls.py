"""Addresses of the API that belong to no one part."""

from django.urls import path

from vault.access.api import Description

app_name = "api"
urlpatterns = [
    path("openapi.json", Description.as_view(), name="openapi"),
]
