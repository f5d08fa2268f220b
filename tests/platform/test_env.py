"""Settings come from variables or files, and errors name the variable without its value."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from vault import env


def test_a_setting_may_stand_in_a_file(monkeypatch, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("hunter2\n")
    monkeypatch.setenv("API_KEY_FILE", str(secret))

    assert env.text("API_KEY") == "hunter2"


def test_a_missing_setting_is_named(monkeypatch):
    monkeypatch.delenv("API_KEY", raising=False)

    with pytest.raises(ImproperlyConfigured, match="Set API_KEY or API_KEY_FILE"):
        env.text("API_KEY")


def test_an_empty_setting_counts_as_missing(monkeypatch):
    monkeypatch.setenv("API_KEY", "")

    assert env.find("API_KEY") is None
    assert env.text("API_KEY", default="none") == "none"


def test_a_setting_given_twice_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("API_KEY", "hunter2")
    monkeypatch.setenv("API_KEY_FILE", str(tmp_path / "secret"))

    for read in (env.text, env.secret):
        with pytest.raises(ImproperlyConfigured, match="not both"):
            read("API_KEY")


def test_a_secret_that_others_replace_is_read_when_it_is_needed(monkeypatch, tmp_path):
    monkeypatch.delenv("API_KEY", raising=False)
    monkeypatch.setenv("API_KEY_FILE", str(tmp_path / "not yet there"))

    assert env.secret("API_KEY") == ("", str(tmp_path / "not yet there"))


@pytest.mark.parametrize("content", [None, "", b"\xff"])
def test_an_unreadable_file_is_refused_by_name(monkeypatch, tmp_path, content):
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    monkeypatch.setenv("API_KEY_FILE", str(path))

    with pytest.raises(ImproperlyConfigured, match="API_KEY_FILE names"):
        env.text("API_KEY")


@pytest.mark.parametrize(("word", "meaning"), [("true", True), ("1", True), ("No", False), ("off", False)])
def test_flags_are_words(monkeypatch, word, meaning):
    monkeypatch.setenv("TRIAL", word)

    assert env.flag("TRIAL") is meaning


def test_defaults_answer_where_nothing_is_set(monkeypatch):
    monkeypatch.delenv("NOTHING", raising=False)

    assert env.flag("NOTHING", default=False) is False
    assert env.integer("NOTHING", default=0) == 0
    assert env.items("NOTHING", default=("a",)) == ["a"]


@pytest.mark.parametrize("read", [env.flag, env.integer])
def test_a_wrong_value_is_refused_without_showing_it(monkeypatch, read):
    monkeypatch.setenv("NUMBER", "hunter2")

    with pytest.raises(ImproperlyConfigured, match="NUMBER must be") as refused:
        read("NUMBER")

    assert "hunter2" not in str(refused.value)


def test_a_list_is_separated_by_commas(monkeypatch):
    monkeypatch.setenv("HOSTS", "a.example, b.example,")

    assert env.items("HOSTS") == ["a.example", "b.example"]


def test_a_database_is_an_address(monkeypatch):
    monkeypatch.setenv(
        "DATABASE_URL", "postgresql://vault%40eu:p%2Fw@db.example:5433/calls?sslmode=verify-full"
    )

    assert env.database("DATABASE_URL") == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "calls",
        "USER": "vault@eu",
        "PASSWORD": "p/w",
        "HOST": "db.example",
        "PORT": "5433",
        "OPTIONS": {"sslmode": "verify-full"},
    }


def test_a_database_may_be_reached_by_a_socket(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql:///calls?host=/run/postgresql")

    assert env.database("DATABASE_URL")["HOST"] == "/run/postgresql"


@pytest.mark.parametrize(
    "address", ["sqlite:///calls", "postgresql://db.example", "postgresql://u:p@h:port/d"]
)
def test_what_is_no_address_of_postgresql_is_refused(monkeypatch, address):
    monkeypatch.setenv("DATABASE_URL", address)

    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL must look like"):
        env.database("DATABASE_URL")
