"""The API's description is committed, and is what the code says."""

import json
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema

COMMITTED = Path(settings.BASE_DIR) / "docs" / "openapi.json"
REFRESH = "bin/check --fix"


@pytest.fixture(scope="module")
def described():
    """Return the description as the code makes it now, in plain JSON."""
    GENERATOR_STATS.reset()
    schema = SchemaGenerator().get_schema(request=None, public=True)
    return json.loads(json.dumps(schema, default=str))


def test_the_committed_description_is_what_the_code_says(described):
    assert json.loads(COMMITTED.read_text()) == described, f"refresh it: {REFRESH}"


def test_the_description_is_valid_openapi_and_leaves_nothing_to_guess(described):
    validate_schema(described)

    assert not GENERATOR_STATS._warn_cache
    assert not GENERATOR_STATS._error_cache


def test_every_operation_says_how_it_refuses(described):
    for path in described["paths"].values():
        for operation in path.values():
            assert "default" in operation["responses"]


@pytest.mark.django_db
def test_the_vault_serves_its_description_to_anybody():
    answer = Client().get("/api/v1/openapi.json")

    assert answer.status_code == 200
    assert answer.json()["info"]["title"] == "Call-recording vault"
