"""A browser and a vault for the journeys. Every page a browser shows is watched for broken promises."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Literal
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connections
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests import databases, people
from tests.journeys import site as sites
from tests.journeys.site import Site
from vault.access.models import User
from vault.kms import masters

CHROMIUM = "/usr/bin/chromium"
Visit = Callable[..., Page]
Scheme = Literal["light", "dark"]


@pytest.fixture(scope="session")
def served(
    django_db_setup, django_db_blocker, bucket, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Serve one vault, with a database of its own, for all journeys."""
    log = tmp_path_factory.mktemp("site") / "gunicorn.log"
    with (
        django_db_blocker.unblock(),
        databases.created() as name,
        sites.serve(os.environ | databases.environment(name), log, database=name) as site,
    ):
        yield site


@pytest.fixture(scope="module")
def site(served: Site, django_db_blocker) -> Iterator[Site]:
    """Point this process at the served vault's database: what a module writes there, its pages show."""
    masters.forget_all()  # of the database before this one
    with django_db_blocker.unblock(), databases.pointed_at(served.database):
        yield served
    masters.forget_all()


@pytest.fixture(scope="module")
def browser(site: Site) -> Iterator[Browser]:
    """Give a module one Chromium."""
    # Playwright keeps an event loop in this thread, which Django takes for asynchronous code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--mute-audio"],
        )
        yield chromium
        chromium.close()
        connections.close_all()  # those of that loop: outside of it nobody would find them again
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[Visit]:
    """Open a page of the vault as somebody, or as nobody; ``width``, ``height`` and ``scheme`` are the screen's.

    Afterwards: nothing was blocked by the content policy, no script broke, no other host was asked.
    """
    complaints: list[str] = []
    contexts: dict[tuple[object, ...], BrowserContext] = {}

    def open_page(
        path: str,
        person: User | None = None,
        *,
        width: int = 1440,
        height: int = 900,
        scheme: Scheme = "light",
    ) -> Page:
        key = (person and person.pk, width, height, scheme)
        if key not in contexts:  # else the same person opens another page in the same browser
            contexts[key] = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme=scheme,
                reduced_motion="reduce",
            )
            if person is not None:
                _give_session(contexts[key], person, site)
        page = contexts[key].new_page()
        _watch(page, site, complaints)
        page.goto(site.url + path)
        return page

    yield open_page

    for context in contexts.values():
        context.close()
    assert not complaints


def _give_session(context: BrowserContext, person: User, site: Site) -> None:
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies(
        [{"name": name, "value": people.client_of(person).cookies[name].value, "url": site.url}]
    )


def _watch(page: Page, site: Site, complaints: list[str]) -> None:
    def heard(kind: str, text: str) -> None:
        # What the server refused is each test's own affair.
        if kind == "error" and not text.startswith("Failed to load resource"):
            complaints.append(text)

    def asked(url: str) -> None:
        if url.startswith("http") and urlsplit(url).netloc != urlsplit(site.url).netloc:
            complaints.append(f"asked another host: {url}")

    page.on("console", lambda message: heard(message.type, message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked(request.url))
