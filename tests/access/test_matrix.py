"""Every address, every method, every role: who gets through the gate, walked from the URL resolver.

``matrix.py`` is the committed answer to "who may reach what"; this test fails for an address that is not
in it, that names no permission, or that lets through anybody else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver

from tests.access.matrix import ANY, MATRIX
from tests.people import client_of, client_with_token, make_person
from vault.access import callers
from vault.access.callers import Caller
from vault.access.gate import Gate, permissions_named
from vault.access.roles import PEOPLES_ROLES, ROLES_ALLOWED, Role, permissions_of
from vault.permissions import Permission

pytestmark = pytest.mark.django_db
_SAMPLES = {"pk": "1", "uidb36": "x", "key": "y", "secret": "x", "token": "x", "event_id": str(uuid4())}


def routes() -> dict[str, tuple[Callable[..., Any], str]]:
    """Return every address by its full name: its view, and one example of it."""
    return dict(_walk(get_resolver(), "", "/"))


def _walk(resolver: URLResolver, namespace: str, prefix: str) -> Iterator[tuple[str, tuple[Any, str]]]:
    for entry in resolver.url_patterns:
        path = prefix + _example(entry)
        if isinstance(entry, URLResolver):
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from _walk(entry, inner, path)
        else:
            assert isinstance(entry, URLPattern)
            assert entry.name, f"{path} has no name"
            yield f"{namespace}{entry.name}", (entry.callback, path)


def _example(entry: URLPattern | URLResolver) -> str:
    """Return an address that the pattern matches."""
    route = str(entry.pattern)
    if hasattr(entry.pattern, "regex") and "(?P<" in route:
        return "password/reset/key/x-y/"
    for name, converter in entry.pattern.converters.items():
        kind = type(converter).__name__
        sample = str(uuid4()) if kind == "UUIDConverter" else _SAMPLES.get(name, "1")
        for form in (f"<{kind.removesuffix('Converter').lower()}:{name}>", f"<str:{name}>", f"<{name}>"):
            route = route.replace(form, sample)
    return route


def asked(view: Callable[..., Any]) -> dict[str, Permission]:
    """Return what a view asks for each of its methods; any method is ``*``."""
    named = permissions_named(view)
    if isinstance(named, dict):
        return named
    assert named is not None
    api = getattr(view, "cls", None)
    if api is None:
        return {ANY: named}
    methods = [method.upper() for method in ("get", "post", "put", "patch", "delete") if hasattr(api, method)]
    return dict.fromkeys(methods, named)


def test_every_address_names_its_permission():
    silent = [name for name, (view, _path) in routes().items() if permissions_named(view) is None]

    assert not silent, f"open to nobody, because they name no permission: {silent}"


def test_the_committed_matrix_is_what_the_addresses_ask_for():
    found = {name: asked(view) for name, (view, _path) in routes().items()}

    assert found == MATRIX


def _allowed(permission: Permission, role: Role, path: str) -> bool:
    if permission in (Permission.PUBLIC, Permission.SIGNING_IN):
        return True
    if role is Role.INTEGRATION and not path.startswith(("/api/", "/health/", "/metrics")):
        return False  # pages are for people
    return permission == Permission.SIGNED_IN or role in ROLES_ALLOWED[permission]


@pytest.mark.parametrize("role", [*PEOPLES_ROLES, Role.INTEGRATION])
def test_the_gate_lets_through_whom_the_table_allows_and_refuses_all_others(role, settings):
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"DEFAULT_THROTTLE_CLASSES": []}
    if role is Role.INTEGRATION:
        client = client_with_token(*permissions_of(role))
    else:
        client = client_of(make_person(role))
    wrong = []

    for name, (_view, path) in routes().items():
        for method, permission in MATRIX[name].items():
            method = "GET" if method == ANY else method
            if _allowed(permission, role, path):
                if not _passes(role, client, method, path):
                    wrong.append(f"{name} {method}: refused, though {role} has {permission}")
            elif (status := client.generic(method, path).status_code) != 403:
                wrong.append(f"{name} {method}: {status}, though {role} lacks {permission}")

    assert not wrong


def test_strangers_reach_what_is_public_and_nothing_else():
    wrong = []

    for name, (_view, path) in routes().items():
        for method, permission in MATRIX[name].items():
            if permission == Permission.PUBLIC:
                continue
            answer = Client().generic("GET" if method == ANY else method, path)
            expected = 401 if path.startswith("/api/") else 302
            if answer.status_code != expected or (
                expected == 302 and not answer.headers["Location"].startswith("/account/login/")
            ):
                wrong.append(f"{name} {method}: {answer.status_code}")

    assert not wrong


def _passes(role: Role, client: Client, method: str, path: str) -> bool:
    """Ask the gate alone: the view behind it might do something."""
    request = RequestFactory().generic(method, path)
    request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
    gate = Gate(lambda _request: HttpResponse())
    resolved = get_resolver().resolve(path)
    request.resolver_match = resolved
    signed_in = client.get("/health/live").wsgi_request
    caller: Caller = callers.caller_of(signed_in)
    assert caller.actor.role == role
    original = callers.identify
    try:
        callers.identify = lambda request, briefly=False: caller
        callers.set_caller(request, caller)
        return gate.process_view(request, resolved.func, resolved.args, resolved.kwargs) is None
    finally:
        callers.identify = original
