"""Which key management service the settings name."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from vault import kms
from vault.kms import Duty


@pytest.fixture(autouse=True)
def _built_anew():
    kms.forget_services()
    yield
    kms.forget_services()


@pytest.mark.parametrize(("name", "value"), [("KMS_KIND", "paper"), ("KMS_KEYRING", "")])
def test_what_is_missing_is_named(settings, name, value):
    setattr(settings, name, value)

    with pytest.raises(ImproperlyConfigured, match=name):
        kms.service(Duty.ROTATION)


def test_a_backup_is_kept_where_the_settings_say(settings, tmp_path):
    settings.KMS_KEYRING, settings.KMS_MASTER_FILE = str(tmp_path / "keyring"), str(tmp_path / "master")
    settings.KMS_KEYRING_BACKUP = str(tmp_path / "backup")

    kms.service(Duty.ROTATION).ensure_key("audio-open")

    assert (tmp_path / "backup").read_bytes() == (tmp_path / "keyring").read_bytes()
