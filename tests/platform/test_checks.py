"""What production refuses to start with."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from vault import checks


def database(host: str, **options: str) -> dict[str, dict[str, object]]:
    base = {"HOST": host, "OPTIONS": options}
    return {alias: settings.DATABASES[alias] | base for alias in ("default", "owner", "sequencer")}


def found(**changes: object) -> list[str]:
    safe = {
        "TRIAL": False,
        "DATABASES": database("db.example.org", sslmode="verify-full"),
        "REDIS_URL": "rediss://cache.example.org/0",
        "STORE_KIND": "s3",
        "S3_ENDPOINT_URL": "https://s3.example.org",
        "KMS_ADDRESS": "https://bao.example.org:8200",
        "KMS_AWS_ENDPOINT_URL": "",
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": "mail.example.org",
        "EMAIL_USE_TLS": True,
    }
    # Django's own connections are not touched: only the check reads these.
    with override_settings(**{k: v for k, v in (safe | changes).items() if k != "DATABASES"}):
        kept = settings.DATABASES
        settings.DATABASES = (safe | changes)["DATABASES"]
        try:
            return [str(message.msg) for message in checks.connections_are_encrypted()]
        finally:
            settings.DATABASES = kept


def test_an_installation_with_verified_connections_is_let_be():
    assert found() == []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"DATABASES": database("db.example.org")}, "DATABASE_URL"),
        ({"DATABASES": database("db.example.org", sslmode="require")}, "DATABASE_SEQUENCER_URL"),
        ({"DATABASES": database("db.example.org", sslmode="verify-ca")}, "DATABASE_URL"),
        ({"DATABASES": database("127.0.0.1,db.example.org")}, "DATABASE_URL"),
        ({"DATABASES": database("localhost", hostaddr="203.0.113.5")}, "DATABASE_URL"),
        ({"DATABASES": database("", service="elsewhere")}, "DATABASE_URL"),
        ({"REDIS_URL": "rediss://cache.example.org/0?ssl_cert_reqs=none"}, "REDIS_URL"),
        ({"REDIS_URL": "rediss://cache.example.org/0?ssl_cert_reqs=optional"}, "REDIS_URL"),
        ({"REDIS_URL": "rediss://cache.example.org/0?ssl_check_hostname=False"}, "REDIS_URL"),
        ({"KMS_ADDRESS": "http://bao.example.org:8200"}, "KMS_ADDRESS"),
        ({"KMS_AWS_ENDPOINT_URL": "http://kms.example.org"}, "KMS_AWS_ENDPOINT_URL"),
        ({"EMAIL_HOST": "mail.example.org", "EMAIL_USE_TLS": False}, "EMAIL_HOST"),
        ({"REDIS_URL": "redis://cache.example.org/0"}, "REDIS_URL"),
        ({"REDIS_URL": "redis://127.0.0.1:6379/0;redis://cache.example.org/0"}, "REDIS_URL"),
        ({"REDIS_URL": "rediss://cache.example.org/0,redis://copy.example.org/0"}, "REDIS_URL"),
        ({"S3_ENDPOINT_URL": "http://s3.example.org"}, "S3_ENDPOINT_URL"),
        ({"S3_ENDPOINT_URL": "http://s3.example.org\\@127.0.0.1/"}, "S3_ENDPOINT_URL"),
        ({"KMS_ADDRESS": "https://elsewhere.example\\@bao.example.org:8200"}, "KMS_ADDRESS"),
        ({"KMS_ADDRESS": "https://bao.example.org@elsewhere.example:8200"}, "KMS_ADDRESS"),
    ],
)
def test_a_plain_connection_to_another_machine_is_refused(changes, named):
    assert any(message.startswith(named) for message in found(**changes))


def test_a_plain_connection_within_the_machine_is_let_be():
    assert (
        found(
            DATABASES=database("127.0.0.1"),
            REDIS_URL="redis://localhost:6379/0",
            S3_ENDPOINT_URL="http://127.0.0.1:8333",
            KMS_ADDRESS="http://[::1]:8200",
            EMAIL_HOST="localhost",
            EMAIL_USE_TLS=False,
        )
        == []
    )


def test_an_address_that_is_spelled_with_its_checks_is_let_be():
    assert found(REDIS_URL="rediss://cache.example.org/0?ssl_cert_reqs=required&ssl_ca_certs=/ca.pem") == []
    assert found(DATABASES=database("db.example.org", sslrootcert="system")) == []


@pytest.mark.parametrize("variable", ["PGHOST", "PGHOSTADDR", "PGSERVICE"])
def test_what_leads_the_database_driver_elsewhere_is_refused(monkeypatch, variable):
    monkeypatch.setenv(variable, "db.example.org")

    assert [message.split()[0] for message in found(DATABASES=database(""))] == [
        "DATABASE_URL",
        "DATABASE_OWNER_URL",
        "DATABASE_SEQUENCER_URL",
    ]


@pytest.mark.parametrize(("name", "value"), [("AUDIT_KEEP_MONTHS", 11), ("AUDIT_ADDRESS_DAYS", 0)])
def test_a_trail_that_is_not_kept_is_refused_also_in_a_trial(settings, name, value):
    setattr(settings, name, value)
    settings.TRIAL = True

    with pytest.raises(ImproperlyConfigured, match=name):
        checks.refuse_to_start()


def test_a_locked_copy_that_would_outlast_the_trail_is_refused(settings):
    settings.AUDIT_KEEP_MONTHS, settings.LOCKED_COPY_MONTHS = 24, 25
    settings.LOCKED_COPY_BUCKET = ""
    checks.refuse_to_start()  # without a copy its months mean nothing
    settings.LOCKED_COPY_BUCKET = "copies"

    with pytest.raises(ImproperlyConfigured, match=r"LOCKED_COPY_MONTHS .* set it to 24 or less"):
        checks.refuse_to_start()


def test_a_trial_may_do_as_it_likes():
    assert found(TRIAL=True, REDIS_URL="redis://cache.example.org/0") == []


@pytest.mark.parametrize(
    "process",
    [
        "import vault.wsgi",
        "import vault.celery, django; django.setup()",
        "import manage, sys; sys.argv = ['manage.py', 'run_sequencer']; manage.main()",
    ],
)
def test_no_process_starts_on_a_plain_connection_to_another_machine(process):
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "vault.settings",
        "SECRET_KEY": "only-for-this-test-0123456789-abcdefghijklmnopqrstuvwxyz",
        "DATABASE_URL": "postgresql://app:unused@db.example.org/vault?sslmode=verify-full",
        "REDIS_URL": "redis://cache.example.org/0",
        "S3_ENDPOINT_URL": "https://s3.example.org",
        "S3_BUCKET": "vault",
    }

    done = subprocess.run([sys.executable, "-c", process], env=environment, capture_output=True, text=True)

    assert done.returncode == 1
    assert "REDIS_URL must use TLS" in done.stderr
