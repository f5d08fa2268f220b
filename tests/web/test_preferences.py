"""Light or dark, row height, language: kept in this browser's cookies, read with distrust."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from vault.web.caching import NoStore
from vault.web.preferences import Preferences, read_preferences, write_preferences


def request_with(**cookies: str):
    request = RequestFactory().get("/")
    request.COOKIES.update(cookies)
    return request


def test_without_cookies_pages_look_as_the_system_does():
    assert read_preferences(request_with()) == Preferences(theme="system", density="comfortable")


def test_what_was_chosen_is_read_back():
    request = request_with(vault_theme="dark", vault_density="compact")

    assert read_preferences(request) == Preferences(theme="dark", density="compact")


@pytest.mark.parametrize("forged", ["", "purple", '"><script>', "DARK"])
def test_a_forged_cookie_counts_as_none(forged):
    assert read_preferences(request_with(vault_theme=forged)).theme == "system"


def test_only_offered_values_become_cookies():
    posted = RequestFactory().post("/preferences/", {"theme": "dark", "density": "huge", "language": "nl"})
    response = HttpResponse()

    write_preferences(posted, response)

    assert response.cookies["vault_theme"].value == "dark"
    assert response.cookies["django_language"].value == "nl"
    assert "vault_density" not in response.cookies
    assert response.cookies["vault_theme"]["httponly"]
    assert response.cookies["vault_theme"]["samesite"] == "Lax"


def test_a_page_is_stored_nowhere():
    answer = NoStore(lambda _request: HttpResponse("secret"))(RequestFactory().get("/"))

    assert "no-store" in answer["Cache-Control"]


def test_an_answer_that_says_how_to_be_kept_is_left_alone():
    said = HttpResponse(headers={"Cache-Control": "private, no-store, max-age=0"})

    answer = NoStore(lambda _request: said)(RequestFactory().get("/"))

    assert answer["Cache-Control"] == "private, no-store, max-age=0"
