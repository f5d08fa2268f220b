"""Which key management service the settings name."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from vault import kms
from vault.kms import Duty
from vault.kms.aws import AwsKeys


@pytest.fixture(autouse=True)
def _built_anew():
    kms.forget_services()
    yield
    kms.forget_services()


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("paper", "KMS_KIND", "paper"),
        ("keyring", "KMS_KEYRING", ""),
        ("openbao", "KMS_ADDRESS", ""),
        ("vault", "KMS_ADDRESS", "openbao.example.org:8200"),
        ("openbao", "KMS_MOUNT", ""),
        ("openbao", "KMS_CA_BUNDLE", "/nowhere/ca.pem"),
        ("aws", "KMS_AWS_REGION", ""),
        ("aws", "KMS_AWS_DELETION_DAYS", 6),
    ],
)
def test_what_is_missing_is_named(settings, kind, name, value):
    settings.KMS_ADDRESS, settings.KMS_AWS_REGION = "https://openbao.example.org:8200", "eu-central-1"
    settings.KMS_KIND = kind
    setattr(settings, name, value)

    with pytest.raises(ImproperlyConfigured, match=name):
        kms.service(Duty.ROTATION)


def test_a_backup_is_kept_where_the_settings_say(settings, tmp_path):
    settings.KMS_KEYRING, settings.KMS_MASTER_FILE = str(tmp_path / "keyring"), str(tmp_path / "master")
    settings.KMS_KEYRING_BACKUP = str(tmp_path / "backup")

    kms.service(Duty.ROTATION).ensure_key("audio-open")

    assert (tmp_path / "backup").read_bytes() == (tmp_path / "keyring").read_bytes()


def test_a_process_has_the_duties_that_it_has_tokens_for(settings):
    settings.KMS_KIND, settings.KMS_ADDRESS = "openbao", "https://openbao.example.org:8200"
    for duty in Duty:
        setattr(settings, f"KMS_TOKEN_{duty.name}", "")
    settings.KMS_TOKEN_INGEST, settings.KMS_TOKEN_ROTATION_FILE = "a token", "/run/secrets/rotation"

    assert kms.duties() == (Duty.INGEST, Duty.ROTATION)
    with pytest.raises(kms.DutyNotGiven):
        kms.service(Duty.PLAYBACK).unwrap("audio-open", b"\2\0\0\0\1" + bytes(60), b"")


def test_the_settings_give_the_keys_of_aws_in_the_region_that_they_name(settings):
    settings.KMS_KIND, settings.KMS_AWS_REGION = "aws", "eu-central-1"

    found = kms.service(Duty.INGEST)

    assert isinstance(found, AwsKeys)
    assert found._client.meta.region_name == "eu-central-1"
    assert found is kms.service(Duty.DESTRUCTION)
    assert kms.duties() == tuple(Duty)


def test_a_process_that_was_forked_has_a_service_of_its_own(monkeypatch):
    before = kms.service(Duty.INGEST)
    monkeypatch.setattr("os.getpid", lambda: -1)

    assert kms.service(Duty.INGEST) is not before
